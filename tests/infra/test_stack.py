"""The template as a whole: outputs, order, wildcards, secrets."""

import hashlib
import json
import re

from aws_cdk import aws_logs as logs

from infra.settings.checks import RETENTION_NAMES
from tests.infra.stacks import Stack, strings_in


def test_outputs_have_the_fixed_names(stack: Stack, lean: Stack) -> None:
    outputs = {name: output["Value"] for name, output in stack.template["Outputs"].items()}
    of_lean = lean.template["Outputs"]
    assert of_lean.keys() == outputs.keys() - {"EndsBusName"} | {"ArchiveBucketName"}
    bucket = lean.ref("Destinations/Archive/Bucket")
    assert of_lean["ArchiveBucketName"]["Value"] == bucket
    assert outputs == {
        "LedgerTableName": stack.ref("Ledger/Table"),
        "EndsBusName": stack.ref("Destinations/Bus"),
        "QueueUrl": stack.ref("Intake/Queue"),
        "QueueArn": stack.arn("Intake/Queue"),
        "DeadLetterQueueUrl": stack.ref("Intake/DeadLetterQueue"),
        "WorkerFunctionName": stack.ref("Worker/Function"),
        "SubscriptionId": stack.attribute("Subscription/Resource/Default", "SubscriptionId"),
        "QueueNames": stack.attribute("Subscription/QueueNames/Default", "Summary"),
        "DashboardName": stack.ref("Monitoring/Dashboard/Dashboard"),
        "DashboardUrl": outputs["DashboardUrl"],
        "AlarmTopicArn": stack.ref("Monitoring/Alarms/Topic"),
    }
    assert '"https://' in json.dumps(outputs["DashboardUrl"])


def test_what_holds_data_keeps_its_logical_id(tuned: Stack, eventbridge: Stack) -> None:
    """Under another logical id, CloudFormation would create an empty resource and delete ours."""
    assert tuned.ids["Ledger/Table"] == "LedgerTable9343E4AA"
    assert tuned.ids["Intake/Queue"] == "IntakeQueue6FB53B87"
    assert tuned.ids["Intake/DeadLetterQueue"] == "IntakeDeadLetterQueueA5C12DB5"
    assert tuned.ids["Destinations/Archive/Bucket"] == "DestinationsArchiveBucket13ADB08B"
    assert tuned.ids["Subscription/Resource/Default"] == "Subscription391C9821"
    assert eventbridge.ids["EventSource/Resource/Default"] == "EventSource101A8C2A"
    assert eventbridge.ids["EventSource/Bus"] == "EventSourceBusC9103281"


def test_the_stack_fits_any_account_region_and_partition(stack: Stack, tuned: Stack) -> None:
    for template in (stack.template, tuned.template):
        text = json.dumps({k: v for k, v in template.items() if k != "Parameters"})
        assert re.findall(r"arn:aws|us-east-1|eu-west-1|amazonaws\.com\.cn", text) == []


def test_the_stack_says_what_it_is_and_tags_what_it_makes(stack: Stack) -> None:
    assert stack.template["Description"].startswith("Queue Ends, stage dev")
    tags = [{"Key": "project", "Value": "queue-ends"}, {"Key": "stage", "Value": "dev"}]
    tagged = [r for r in stack.resources if "Tags" in r["Properties"]]
    assert all(resource["Properties"]["Tags"] == tags for resource in tagged)
    untagged = {r["Type"] for r in stack.resources if r not in tagged}
    assert untagged == {
        "AWS::SQS::QueuePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::Permission",
        "Custom::GenesysQueueNames",
        "Custom::GenesysSubscription",
    }


def test_everything_is_deleted_with_the_stack_but_protected_data_and_logs(
    stack: Stack, lean: Stack, tuned: Stack
) -> None:
    def kept(synthesised: Stack) -> list[str]:
        resources = synthesised.resources
        return sorted(r["Type"] for r in resources if r.get("DeletionPolicy", "Delete") != "Delete")

    assert kept(stack) == kept(lean) == []
    log_groups = tuned.of_type("AWS::Logs::LogGroup")
    data = ["AWS::DynamoDB::Table", "AWS::S3::Bucket"]
    assert kept(tuned) == sorted([*data, *(["AWS::Logs::LogGroup"] * len(log_groups))])
    for path in ("Ledger/Table", "Destinations/Archive/Bucket"):
        resource = tuned.resource(path)
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    # The roll-back of a failed creation deletes them.
    assert {group["DeletionPolicy"] for group in log_groups} == {"RetainExceptOnCreate"}


def test_each_function_has_a_log_group_of_its_own_with_the_retention_set(
    stack: Stack, tuned: Stack
) -> None:
    for synthesised, days in ((stack, 30), (tuned, 365)):
        groups = synthesised.of_type("AWS::Logs::LogGroup")
        assert {group["Properties"]["RetentionInDays"] for group in groups} == {days}
        for function in ("Worker", "Subscription/Provider", "Watchdog"):
            config = synthesised.properties(f"{function}/Function")["LoggingConfig"]
            assert config["LogGroup"] == synthesised.ref(f"{function}/Logs")


def test_every_retention_that_the_cdk_knows_can_be_chosen() -> None:
    names = {retention.name for retention in logs.RetentionDays} - {"INFINITE"}
    assert set(RETENTION_NAMES.values()) == names


def test_functions_run_python_3_14_on_arm_and_log_json(stack: Stack) -> None:
    functions = stack.of_type("AWS::Lambda::Function")
    assert len(functions) == 3
    for properties in (function["Properties"] for function in functions):
        assert properties["Runtime"] == "python3.14"
        assert properties["Architectures"] == ["arm64"]
        assert properties["LoggingConfig"]["LogFormat"] == "JSON"


def test_lambda_never_drops_the_lines_that_carry_metrics(
    stack: Stack, tuned: Stack, lean: Stack
) -> None:
    """Lines without a level count as INFO, so a higher level of Lambda's filter loses them."""
    for synthesised, log_level, lambdas in (
        (stack, "INFO", "INFO"),
        (tuned, "DEBUG", "DEBUG"),
        (lean, "ERROR", "INFO"),
    ):
        for function in synthesised.of_type("AWS::Lambda::Function"):
            properties = function["Properties"]
            assert properties["LoggingConfig"]["ApplicationLogLevel"] == lambdas
            assert properties["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == log_level


def test_the_code_is_known_by_the_hash_of_the_asset_not_by_its_folder(stack: Stack) -> None:
    key = f"{hashlib.sha256(b'hash-of-the-code').hexdigest()}.zip"
    code = [function["Properties"]["Code"] for function in stack.of_type("AWS::Lambda::Function")]
    assert [of_function["S3Key"] for of_function in code] == [key] * 3


def test_no_function_reserves_concurrency(
    *,
    stack: Stack,
    lean: Stack,
    tuned: Stack,
    eventbridge: Stack,
    many_queues: Stack,
    queue_legs: Stack,
) -> None:
    """A new account may run ten invocations at a time, and AWS lets it reserve none of them."""
    for synthesised in (stack, lean, tuned, eventbridge, many_queues, queue_legs):
        assert "ReservedConcurrentExecutions" not in json.dumps(synthesised.template)


def test_tracing_is_off_unless_set(stack: Stack, tuned: Stack) -> None:
    modes = [f["Properties"].get("TracingConfig") for f in stack.of_type("AWS::Lambda::Function")]
    assert modes == [None] * 3
    modes = [f["Properties"].get("TracingConfig") for f in tuned.of_type("AWS::Lambda::Function")]
    assert modes == [{"Mode": "Active"}] * 3


def test_no_permission_comes_from_anywhere_but_the_roles(stack: Stack, tuned: Stack) -> None:
    for synthesised, count in ((stack, 3), (tuned, 4)):
        assert "ManagedPolic" not in json.dumps(synthesised.template)
        iam = [resource for resource in synthesised.resources if "IAM" in resource["Type"]]
        assert [resource["Type"] for resource in iam] == ["AWS::IAM::Role"] * count
        assert all(len(role["Properties"]["Policies"]) == 1 for role in iam)


def test_every_wildcard_in_the_template_is_meant(stack: Stack, tuned: Stack) -> None:
    # The statements of two queues and the SNS topic that deny everybody any action without TLS.
    tls_only = ["*", "*", "*", "sqs:*", "sqs:*"]
    # A secret's ARN has a random suffix, and a stack's ARN ends with an id; two functions read the
    # Genesys Cloud secret and the stack's status. The SNS topic's policy names the stage's alarms
    # by their prefix.
    meant = [":secret:queue-ends/genesys-??????"] * 2 + [":alarm:QueueEnds-dev-*"]
    meant += [":stack/QueueEnds-dev/*"] * 2
    assert stack.wildcards() == sorted([*meant, *tls_only])
    # X-Ray's two actions, in all roles, have no resource to name. The statements for Firehose and
    # for TLS cover all objects of the archive. The webhook's URL has a query.
    # With details, the worker reads the Genesys Cloud secret, too.
    meant = [":secret:queue-ends/prod-??????"] * 3 + [":alarm:QueueEnds-prod-*"]
    meant += [":stack/QueueEnds-prod/*"]
    meant += [":secret:queue-ends/webhook-??????", "https://hooks.example.com/ended?team=1"]
    of_archive = ["*", "s3:*", "/*", "/*"]
    assert tuned.wildcards() == sorted([*meant, *tls_only, "*", "*", "*", *of_archive])
    for synthesised in (stack, tuned):
        for path in ("Worker", "Subscription/Provider", "Watchdog"):
            for statement in synthesised.role_statements(path):
                if statement["Resource"] == "*":
                    actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
                    assert statement["Action"] == actions
        for kind in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"):
            for policy in synthesised.of_type(kind):
                for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                    if "*" in json.dumps({**statement, "Condition": {}}):
                        assert statement["Effect"] == "Deny"


def test_nothing_in_the_template_looks_like_a_secret(stack: Stack, tuned: Stack) -> None:
    secret_like = re.compile(r"(?i)client_secret|password|passwd|AKIA[0-9A-Z]{12}|whsec_|BEGIN ")
    for template in (stack.template, tuned.template):
        assert [s for s in strings_in(template) if secret_like.search(s)] == []


def test_the_mapping_comes_after_the_permissions_that_lambda_checks_for_it(stack: Stack) -> None:
    expected = {"Worker/Role", "Worker/Function", "Worker/Logs", "Intake/Queue"}
    assert expected <= stack.dependencies_of("Worker/Mapping")


def test_the_subscription_is_made_last_and_deleted_first_but_for_the_watchdogs_schedule(
    stack: Stack, tuned: Stack, lean: Stack
) -> None:
    subscription = "Subscription/Resource/Default"
    for synthesised in (stack, tuned, lean):
        schedule = {path for path in synthesised.ids if path.startswith("Watchdog/Sched")}
        others = synthesised.ids.keys() - {subscription} - schedule
        assert synthesised.dependencies_of(subscription) == others
        assert bool(schedule) is (synthesised is not lean)
        if schedule:
            assert subscription in synthesised.dependencies_of("Watchdog/Schedule")
