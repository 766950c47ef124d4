"""The watchdog: its schedule, its environment, and its permissions, which are to read."""

import json
from typing import Any

import pytest

from genesys.queue_ids import unpack_ids
from infra.settings.combinations import MAX_WATCHDOG_ENVIRONMENT_CHARACTERS
from tests.infra.stacks import (
    QUEUES,
    Stack,
    Statement,
    allow_statement,
    backfill_statements,
    lease_statement,
    log_write_statement,
    secret_read_statement,
    stack_read_statement,
)

# The longest possible values.
REGION = "ap-northeast-1"
QUEUE_ARN = f"arn:aws-us-gov:sqs:{REGION}:111122223333:queue-ends-dev-intake"


def resolve(value: Any) -> Any:
    """Return a template value as CloudFormation would resolve its references."""
    match value:
        case {"Ref": "AWS::Region"}:
            return REGION
        case {"Ref": "AWS::AccountId"}:
            return "111122223333"
        case {"Ref": str(name)} if name.startswith(("IntakeQueue", "IntakeDeadLetterQueue")):
            return f"https://sqs.{REGION}.amazonaws.com/111122223333/queue-ends-dev-intake"
        case {"Fn::GetAtt": [str(name), "Arn"]} if name.startswith("IntakeQueue"):
            return QUEUE_ARN
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(resolve, parts))
    assert not isinstance(value, dict)
    return value


def test_it_looks_every_five_minutes_and_a_failed_look_is_not_repeated(
    stack: Stack, eventbridge: Stack
) -> None:
    for synthesised in (stack, eventbridge):
        schedule = synthesised.properties("Watchdog/Schedule")
        (target,) = schedule["Targets"]
        assert schedule["ScheduleExpression"] == "rate(5 minutes)"
        assert "EventBusName" not in schedule
        assert target == {
            "Id": "Watchdog",
            "Arn": synthesised.arn("Watchdog/Function"),
            "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
        }
        function = synthesised.properties("Watchdog/Function")
        assert function["Handler"] == "watchdog.handler.handler"
        assert function["Timeout"] == 240
        invoked = synthesised.properties("Watchdog/Function/EventInvokeConfig")
        assert invoked["MaximumRetryAttempts"] == 0
        assert invoked["MaximumEventAgeInSeconds"] == 60


def test_only_its_own_schedule_may_invoke_it(stack: Stack) -> None:
    assert stack.of_type("AWS::Lambda::Permission") == [stack.resource("Watchdog/ScheduleInvokes")]
    assert stack.properties("Watchdog/ScheduleInvokes") == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": stack.arn("Watchdog/Function"),
        "Principal": "events.amazonaws.com",
        "SourceArn": stack.arn("Watchdog/Schedule"),
    }


def queue_read_statement(stack: Stack, *paths: str) -> Statement:
    arns = [stack.arn(path) for path in paths]
    return allow_statement("KeepQueueMetricsAwake", "sqs:GetQueueAttributes", arns)


def test_it_may_read_its_secret_its_stack_and_its_queues_take_its_lease_and_no_more(
    stack: Stack, eventbridge: Stack
) -> None:
    (lookup_statement,) = (
        statement
        for statement in eventbridge.role_statements("EventSource/Provider")
        if statement["Sid"] == "SeePartnerEventSources"
    )
    # The CDK sorts the queues' ARNs.
    queues = ["Intake/DeadLetterQueue", "Intake/Queue"]
    for_backfill = backfill_statements(eventbridge, sends=True)
    for synthesised, more_queues, more in (
        (stack, [], []),
        (eventbridge, ["EventSource/DeadLetterQueue"], [*for_backfill, lookup_statement]),
    ):
        assert synthesised.role_statements("Watchdog") == [
            secret_read_statement("queue-ends/genesys"),
            queue_read_statement(synthesised, *more_queues, *queues),
            stack_read_statement(),
            lease_statement(synthesised),
            *more,
            log_write_statement(synthesised, "Watchdog"),
        ]


def test_it_is_told_to_heal_only_if_it_may_see_its_stack(
    stack: Stack, eventbridge: Stack, tuned: Stack
) -> None:
    for synthesised in (stack, eventbridge):
        environment = synthesised.environment("Watchdog")
        assert environment["HEAL"] == "true"
        assert environment["STACK_NAME"] == "QueueEnds-dev"
    assert tuned.settings.watchdog == "report"
    assert tuned.environment("Watchdog").keys().isdisjoint({"HEAL", "STACK_NAME"})
    statements = {statement["Sid"] for statement in tuned.role_statements("Watchdog")}
    assert "ReadOwnStackStatus" not in statements


def test_it_is_told_which_queues_to_keep_awake(
    stack: Stack, eventbridge: Stack, tuned: Stack
) -> None:
    for synthesised, more in (
        (stack, []),
        (tuned, []),
        (eventbridge, ["EventSource/DeadLetterQueue"]),
    ):
        paths = ["Intake/Queue", "Intake/DeadLetterQueue", *more]
        urls = synthesised.environment("Watchdog")["QUEUE_URLS"]["Fn::Join"][1]
        assert urls[::2] == [synthesised.ref(path) for path in paths]


@pytest.mark.parametrize(
    ("fixture", "path"),
    [
        ("stack", "Subscription/Resource/Default"),
        ("tuned", "Subscription/Resource/Default"),
        ("eventbridge", "EventSource/Resource/Default"),
    ],
)
def test_it_is_told_exactly_what_the_custom_resource_is(
    request: pytest.FixtureRequest, fixture: str, path: str
) -> None:
    synthesised: Stack = request.getfixturevalue(fixture)
    deployed = json.loads(resolve(synthesised.environment("Watchdog")["DEPLOYED"]))

    assert deployed["ResourceType"] == synthesised.resource(path)["Type"]
    properties = dict(synthesised.properties(path))
    del properties["ServiceToken"], properties["ServiceTimeout"]
    expected = {key: resolve(value) for key, value in properties.items()}
    assert deployed["ResourceProperties"] == expected


def test_it_is_told_which_queues_genesys_cloud_must_have(
    stack: Stack, eventbridge: Stack, tuned: Stack
) -> None:
    for synthesised in (stack, eventbridge):
        assert unpack_ids(synthesised.environment("Watchdog")["PACKED_QUEUE_IDS"]) == QUEUES
    # The setting names a queue by an id that is no UUID, so there is nothing to look for.
    assert tuned.environment("Watchdog")["PACKED_QUEUE_IDS"] == ""


def test_the_longest_environment_of_the_watchdog_fits_lambda(stack: Stack, tuned: Stack) -> None:
    """Lambda measures the variables as one JSON object and allows 4 KB."""
    for synthesised in (stack, tuned):
        settings = synthesised.settings
        variables = synthesised.environment("Watchdog")
        deployed = resolve(variables["DEPLOYED"])
        expression = json.loads(deployed)["ResourceProperties"]["AttributeFilter"]
        texts = [json.dumps(json.dumps(expression)), 8 * settings.stage, settings.genesys_secret]
        texts += [2 * settings.genesys_environment, settings.genesys_api_url or ""]
        texts += [variables["PACKED_QUEUE_IDS"]]
        longest = deployed + (MAX_WATCHDOG_ENVIRONMENT_CHARACTERS - sum(map(len, texts))) * "x"
        environment = {
            **variables,
            "HEAL": "true",
            "STACK_NAME": settings.stack_name,
            "QUEUE_URLS": resolve(variables["QUEUE_URLS"]),
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "DEPLOYED": longest,
            # CloudFormation's name: the stack's, the logical id and 13 characters at random.
            "LEDGER_TABLE": f"{settings.stack_name}-{synthesised.ids['Ledger/Table']}-{'X' * 13}",
            "PRIVATE_NETWORK": "true",
            # The room for backfill.
            "BACKFILL": "repair",
            "END_RULE": "conversation",
        }
        measured = json.dumps(environment, separators=(",", ":"))
        assert len(measured) <= 4096


def test_nothing_of_the_watchdog_is_deployed_where_it_is_off(lean: Stack) -> None:
    assert [path for path in lean.ids if path.startswith("Watchdog")] == []
