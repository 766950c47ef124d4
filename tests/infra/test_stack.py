"""The template as a whole: outputs, order, wildcards, secrets."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_cdk import aws_logs as logs

from infra.settings.checks import RETENTION_DAYS

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("template")


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def wildcards(stack: Any) -> list[str]:
    """Return the texts with a wildcard in them, in order, but for the dashboard's queries."""
    resources = stack.template["Resources"].values()
    others = [r for r in resources if r["Type"] != "AWS::CloudWatch::Dashboard"]
    return sorted(s for s in strings(others) if "*" in s or "?" in s)


def needed_by(template: dict[str, Any], logical_id: str) -> set[str]:
    """Return all resources that CloudFormation makes before this one, and deletes after it."""
    resources, needed, todo = template["Resources"], set(), [logical_id]
    while todo:
        resource = resources[todo.pop()]
        mentioned = set(strings(resource)) & resources.keys()
        todo += mentioned - needed
        needed |= mentioned
    return needed - {logical_id}


def test_outputs_have_the_fixed_names(stack: Any, archiving: Any) -> None:
    ids = stack.ids
    outputs = {name: output["Value"] for name, output in stack.template["Outputs"].items()}
    of_archiving = archiving.template["Outputs"]
    assert of_archiving.keys() == outputs.keys() - {"EndsBusName"} | {"ArchiveBucketName"}
    bucket = {"Ref": archiving.ids["Destinations/Archive/Bucket"]}
    assert of_archiving["ArchiveBucketName"]["Value"] == bucket
    assert outputs == {
        "LedgerTableName": {"Ref": ids["Ledger/Table"]},
        "EndsBusName": {"Ref": ids["Destinations/Bus"]},
        "QueueUrl": {"Ref": ids["Intake/Queue"]},
        "QueueArn": stack.arn("Intake/Queue"),
        "DeadLetterQueueUrl": {"Ref": ids["Intake/DeadLetterQueue"]},
        "WorkerFunctionName": {"Ref": ids["Worker/Function"]},
        "SubscriptionId": {"Fn::GetAtt": [ids["Subscription/Resource/Default"], "SubscriptionId"]},
        "DashboardName": {"Ref": ids["Monitoring/Dashboard/Dashboard"]},
        "DashboardUrl": outputs["DashboardUrl"],
        "AlarmTopicArn": {"Ref": ids["Monitoring/Alarms/Topic"]},
    }
    assert '"https://' in json.dumps(outputs["DashboardUrl"])


def test_the_stack_fits_any_account_region_and_partition(stack: Any, tuned: Any) -> None:
    for template in (stack.template, tuned.template):
        text = json.dumps({k: v for k, v in template.items() if k != "Parameters"})
        assert re.findall(r"arn:aws|us-east-1|eu-west-1|amazonaws\.com\.cn", text) == []


def test_the_stack_says_what_it_is_and_tags_what_it_makes(stack: Any) -> None:
    assert stack.template["Description"].startswith("Queue Ends, stage dev")
    tags = [{"Key": "project", "Value": "queue-ends"}, {"Key": "stage", "Value": "dev"}]
    tagged = [r for r in stack.template["Resources"].values() if "Tags" in r["Properties"]]
    assert all(resource["Properties"]["Tags"] == tags for resource in tagged)
    untagged = {r["Type"] for r in stack.template["Resources"].values() if r not in tagged}
    assert untagged == {
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "Custom::GenesysSubscription",
    }


def test_everything_goes_with_the_stack_but_the_ledger_and_the_archive_that_are_protected(
    stack: Any, archiving: Any, tuned: Any
) -> None:
    def kept(synthesised: Any) -> list[str]:
        resources = synthesised.template["Resources"].values()
        return sorted(r["Type"] for r in resources if r.get("DeletionPolicy", "Delete") != "Delete")

    assert kept(stack) == kept(archiving) == []
    assert kept(tuned) == ["AWS::DynamoDB::Table", "AWS::S3::Bucket"]
    for path in ("Ledger/Table", "Destinations/Archive/Bucket"):
        resource = tuned.resource(path)
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"


def test_each_function_has_a_log_group_of_its_own_with_the_retention_set(
    stack: Any, tuned: Any
) -> None:
    for synthesised, days in ((stack, 30), (tuned, 365)):
        groups = synthesised.of_type("AWS::Logs::LogGroup")
        assert {group["Properties"]["RetentionInDays"] for group in groups} == {days}
        for function in ("Worker", "Subscription/Provider", "Watchdog"):
            config = synthesised.properties(f"{function}/Function")["LoggingConfig"]
            assert config["LogGroup"] == {"Ref": synthesised.ids[f"{function}/Logs"]}


def test_every_retention_that_the_cdk_knows_can_be_chosen() -> None:
    names = {retention.name for retention in logs.RetentionDays} - {"INFINITE"}
    assert set(RETENTION_DAYS.values()) == names


def test_functions_run_python_3_14_on_arm_and_log_json(stack: Any) -> None:
    functions = stack.of_type("AWS::Lambda::Function")
    assert len(functions) == 3
    for properties in (function["Properties"] for function in functions):
        assert properties["Runtime"] == "python3.14"
        assert properties["Architectures"] == ["arm64"]
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"


def test_lambda_never_drops_the_lines_that_carry_metrics(stack_with: Callable[..., Any]) -> None:
    """Lines without a level count as INFO, so a higher level of Lambda's filter loses them."""
    for log_level, lambdas in (("INFO", "INFO"), ("DEBUG", "DEBUG"), ("ERROR", "INFO")):
        settings = {} if log_level == "INFO" else {"log_level": log_level}
        for function in stack_with(**settings).of_type("AWS::Lambda::Function"):
            properties = function["Properties"]
            assert properties["LoggingConfig"]["ApplicationLogLevel"] == lambdas
            assert properties["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == log_level


def test_tracing_is_off_unless_set(stack: Any, tuned: Any) -> None:
    modes = [f["Properties"].get("TracingConfig") for f in stack.of_type("AWS::Lambda::Function")]
    assert modes == [None] * 3
    modes = [f["Properties"].get("TracingConfig") for f in tuned.of_type("AWS::Lambda::Function")]
    assert modes == [{"Mode": "Active"}] * 3


def test_no_permission_comes_from_anywhere_but_the_roles(stack: Any, tuned: Any) -> None:
    for template, roles in ((stack.template, 3), (tuned.template, 4)):
        assert "ManagedPolic" not in json.dumps(template)
        iam = [r["Type"] for r in template["Resources"].values() if "IAM" in r["Type"]]
        assert iam == ["AWS::IAM::Role"] * roles
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role":
                assert len(resource["Properties"]["Policies"]) == 1


def test_every_wildcard_in_the_template_is_meant(stack: Any, tuned: Any) -> None:
    # TLS only: denied to everybody, whatever the action, for two queues and the topic.
    tls_only = ["*", "*", "*", "sqs:*", "sqs:*"]
    # A secret's ARN has a random end, and two functions read Genesys Cloud's; the stage's alarms
    # are named by what their names begin with.
    meant = [":secret:queue-ends/genesys-??????"] * 2 + [":alarm:QueueEnds-dev-*"]
    assert wildcards(stack) == sorted([*meant, *tls_only])
    # X-Ray's two actions, in all roles, have no resource to name; the archive's objects have any
    # name, for Firehose as for those who come without TLS; and the webhook has its URL's query.
    meant = [":secret:queue-ends/prod-??????"] * 2 + [":alarm:QueueEnds-prod-*"]
    meant += [":secret:queue-ends/webhook-??????", "https://hooks.example.com/ended?team=1"]
    of_archive = ["*", "s3:*", "/*", "/*"]
    assert wildcards(tuned) == sorted([*meant, *tls_only, "*", "*", "*", *of_archive])
    for synthesised in (stack, tuned):
        for path in ("Worker/Role", "Subscription/Provider/Role", "Watchdog/Role"):
            (policy,) = synthesised.properties(path)["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Resource"] == "*":
                    actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
                    assert statement["Action"] == actions
        policies = synthesised.of_type("AWS::SQS::QueuePolicy")
        policies += synthesised.of_type("AWS::SNS::TopicPolicy")
        for policy in [*policies, *synthesised.of_type("AWS::S3::BucketPolicy")]:
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                if "*" in json.dumps({**statement, "Condition": {}}):
                    assert statement["Effect"] == "Deny"


def test_nothing_in_the_template_looks_like_a_secret(stack: Any, tuned: Any) -> None:
    secret_like = re.compile(r"(?i)client_secret|password|passwd|AKIA[0-9A-Z]{12}|whsec_|BEGIN ")
    for template in (stack.template, tuned.template):
        assert [s for s in strings(template) if secret_like.search(s)] == []


def test_the_mapping_comes_after_the_permissions_that_lambda_checks_for_it(stack: Any) -> None:
    needed = needed_by(stack.template, stack.ids["Worker/Mapping"])
    expected = {"Worker/Role", "Worker/Function", "Worker/Logs", "Intake/Queue"}
    assert {stack.ids[path] for path in expected} <= needed


def test_the_subscription_is_made_last_and_deleted_first_but_for_the_watchdogs_schedule(
    stack: Any, tuned: Any
) -> None:
    for synthesised in (stack, tuned):
        subscription = synthesised.ids["Subscription/Resource/Default"]
        schedule = {i for path, i in synthesised.ids.items() if path.startswith("Watchdog/Sched")}
        others = synthesised.template["Resources"].keys() - {subscription} - schedule
        assert needed_by(synthesised.template, subscription) == others
        for part in schedule:
            if synthesised.template["Resources"][part]["Type"] == "AWS::Events::Rule":
                assert subscription in needed_by(synthesised.template, part)


def test_without_a_watchdog_nothing_comes_after_the_subscription(
    stack_with: Callable[..., Any],
) -> None:
    unwatched = stack_with(watchdog="off")
    assert not [path for path in unwatched.ids if path.startswith("Watchdog")]
    subscription = unwatched.ids["Subscription/Resource/Default"]
    others = unwatched.template["Resources"].keys() - {subscription}
    assert needed_by(unwatched.template, subscription) == others
