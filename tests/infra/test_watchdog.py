"""The watchdog: when it looks, what it is told, and that it may do nothing but look."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from infra.settings.rules import WATCHDOG_ROOM
from tests.infra.test_functions import environment, secret_arn, statements, write_logs

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("template")


# The longest that they are.
REGION = "ap-northeast-1"
QUEUE_ARN = f"arn:aws-us-gov:sqs:{REGION}:111122223333:queue-ends-dev-intake"


def resolved(value: Any) -> Any:
    """Return what CloudFormation makes of a value in which the stack's region or queue is."""
    match value:
        case {"Ref": "AWS::Region"}:
            return REGION
        case {"Ref": "AWS::AccountId"}:
            return "111122223333"
        case {"Fn::GetAtt": [str(name), "Arn"]} if name.startswith("IntakeQueue"):
            return QUEUE_ARN
        case {"Fn::Join": [str(between), list(parts)]}:
            return between.join(map(resolved, parts))
    assert not isinstance(value, dict)
    return value


def test_it_looks_every_five_minutes_and_no_look_is_made_up_for(
    stack: Any, eventbridge: Any
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
        assert function["ReservedConcurrentExecutions"] == 1
        assert function["Timeout"] == 120
        invoked = synthesised.properties("Watchdog/Function/EventInvokeConfig")
        assert invoked["MaximumRetryAttempts"] == 0
        assert invoked["MaximumEventAgeInSeconds"] == 60


def test_only_its_own_schedule_may_invoke_it(stack: Any) -> None:
    assert stack.of_type("AWS::Lambda::Permission") == [stack.resource("Watchdog/ScheduleInvokes")]
    assert stack.properties("Watchdog/ScheduleInvokes") == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": stack.arn("Watchdog/Function"),
        "Principal": "events.amazonaws.com",
        "SourceArn": stack.arn("Watchdog/Schedule"),
    }


def test_it_may_read_its_secret_and_see_event_sources_and_no_more(
    stack: Any, eventbridge: Any
) -> None:
    def common(synthesised: Any) -> list[dict[str, Any]]:
        reads_secret = {
            "Sid": "ReadGenesysCredentials",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": secret_arn("queue-ends/genesys"),
        }
        return [reads_secret, write_logs(synthesised.arn("Watchdog/Logs"))]

    (sees,) = (
        statement
        for statement in statements(eventbridge, "EventSource/Provider")
        if statement["Sid"] == "SeePartnerEventSources"
    )
    assert sees["Action"] == "events:DescribeEventSource"
    for synthesised, more in ((stack, []), (eventbridge, [sees])):
        found = statements(synthesised, "Watchdog")
        expected = [*common(synthesised), *more]
        assert sorted(found, key=str) == sorted(expected, key=str)


@pytest.mark.parametrize(
    ("fixture", "path", "resource_type"),
    [
        ("stack", "Subscription/Resource/Default", "Custom::GenesysSubscription"),
        ("tuned", "Subscription/Resource/Default", "Custom::GenesysSubscription"),
        ("eventbridge", "EventSource/Resource/Default", "Custom::GenesysEventSource"),
    ],
)
def test_it_is_told_exactly_what_the_custom_resource_is(
    request: pytest.FixtureRequest, fixture: str, path: str, resource_type: str
) -> None:
    synthesised = request.getfixturevalue(fixture)
    told = json.loads(resolved(environment(synthesised, "Watchdog")["DEPLOYED"]))

    properties = dict(synthesised.properties(path))
    assert told["ResourceType"] == resource_type == synthesised.resource(path)["Type"]
    del properties["ServiceToken"], properties["ServiceTimeout"]
    expected = {key: resolved(value) for key, value in properties.items()}
    assert told["ResourceProperties"] == expected


def test_its_environment_fits_whatever_the_settings_are(stack_with: Callable[..., Any]) -> None:
    """Lambda measures the variables as one JSON object, and takes 4 KB of it."""
    queue_ids = tuple(f"{n:0>64}" for n in range(50))
    for settings in ({"queue_ids": queue_ids}, {"attribute_filter": 'queueId in ["x"]'}):
        synthesised = stack_with(**settings)
        variables = environment(synthesised, "Watchdog")
        told = resolved(variables["DEPLOYED"])
        expression = json.loads(told)["ResourceProperties"]["AttributeFilter"]
        fixed = 2 * len("mypurecloud.com") + len("queue-ends/genesys") + 4 * len("dev")
        room = WATCHDOG_ROOM - fixed - len(json.dumps(json.dumps(expression)))
        longest = told + room * "x"
        given = {**variables, "POWERTOOLS_LOG_LEVEL": "CRITICAL", "DEPLOYED": longest}
        measured = json.dumps(given, separators=(",", ":"))
        assert len(measured) <= 4096


def test_without_it_there_is_nothing_of_it(stack_with: Callable[..., Any]) -> None:
    off = stack_with(watchdog="off")
    assert [path for path in off.ids if path.startswith("Watchdog")] == []
