"""The offline CloudWatch on a bare emulator: what it records, and what alarms make of it."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws.emulator import Emulator, emulator
from local.aws.log_events import log_events
from local.aws.partner_events import partner_event_sender
from local.cloudwatch.collector import collecting
from local.cloudwatch.embedded_metrics import Dropped
from tests.local.emulator.small_stack import SmallStack
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("emulator")

NUMBERS = itertools.count(1)
SOURCE = "aws.partner/genesys.com/cloud/11111111-2222-4333-8444-555555555555/QueueEnds-dev"


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture
def stack(aws: Emulator, tmp_path: Path) -> SmallStack:
    return SmallStack(aws, f"Small-{next(NUMBERS)}", tmp_path)


@pytest.fixture
def heard(stack: SmallStack) -> Callable[[], list[tuple[str, str]]]:
    """Return what takes what the alarm topic has said: alarm ids and their new states."""
    url = stack.sqs.create_queue(QueueName=f"{stack.name}-heard")["QueueUrl"]
    arn = f"arn:aws:sqs:{stack.aws.region}:{stack.aws.account}:{stack.name}-heard"
    topic = stack.outputs["AlarmTopicArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    stack.sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allowed]})}
    )
    stack.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def take() -> list[tuple[str, str]]:
        said = []
        while batch := stack.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in batch:
                alarm = json.loads(json.loads(message["Body"])["Message"])
                alarm_id = alarm["AlarmName"].removeprefix(f"{stack.name}-")
                said.append((alarm_id, alarm["NewStateValue"]))
                stack.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(said)

    return take


def test_no_alarm_is_on_in_a_small_idle_stack(stack: SmallStack) -> None:
    stack.cloudwatch.put_forward(600)

    assert stack.states() == dict.fromkeys(("failures", "backlog", "mapping-dead", "errors"), "OK")


def test_an_alarm_goes_on_says_so_and_comes_back(
    stack: SmallStack, heard: Callable[[], list[tuple[str, str]]]
) -> None:
    stack.cloudwatch.add_health_alarm()
    assert heard() == [("health", "OK")]

    stack.count("Failed", 1)
    assert stack.on() == set(), "a metric that is put does not evaluate alarms by itself"
    stack.cloudwatch.collect()
    assert stack.on() == {"failures", "health"}
    assert heard() == [("failures", "ALARM"), ("health", "ALARM")]

    stack.cloudwatch.put_forward(120)
    assert stack.on() == {"failures", "health"}, "the last value is looked at for two more periods"
    stack.cloudwatch.put_forward(60)
    assert stack.on() == set()
    assert heard() == [("failures", "OK"), ("health", "OK")]

    stack.cloudwatch.remove_health_alarm()
    assert "health" not in stack.states()


def test_a_metric_without_an_alarms_dimensions_does_not_raise_it(
    stack: SmallStack, aws: Emulator
) -> None:
    aws.client("cloudwatch").put_metric_data(
        Namespace="QueueEnds", MetricData=[{"MetricName": "Failed", "Value": 1}]
    )
    stack.cloudwatch.collect()

    assert stack.on() == set()


def test_printed_metrics_are_taken_once_and_by_the_time_at_which_they_are_printed(
    stack: SmallStack,
) -> None:
    def ended() -> dict[int, float]:
        return stack.minutes("QueueEnds", "Ended", Stage=stack.name)

    def latency(statistic: str) -> list[float]:
        return [*stack.minutes("QueueEnds", "Latency", statistic, Stage=stack.name).values()]

    stack.send(prints=[stack.line(Ended=2, Latency=[10, 20, 20]), "START of something else"])
    wait_until(lambda: [*ended().values()] == [2], "it is counted")
    stack.cloudwatch.put_forward(180)
    stack.send(prints=[stack.line(Ended=3, Latency=[40]), stack.line(Ended=1)])
    wait_until(lambda: [*ended().values()] == [2, 4], "so is the next")

    first, second = ended()
    assert second - first >= 3
    assert latency("SampleCount") == [3, 1]
    assert latency("p50") == [20, 40]


def test_a_line_that_cloudwatch_would_drop_is_an_error(stack: SmallStack) -> None:
    stack.send(prints=[stack.line(Ended="2")])

    with pytest.raises(Dropped, match="Ended is no number"):
        wait_until(stack.cloudwatch.collect, "the line comes", 10)


def test_polled_invoked_failed_and_deleted_messages_of_a_mapping_are_counted(
    stack: SmallStack,
) -> None:
    assert stack.of_mapping("PolledEventCount") == 0, "as long as it is there and finds nothing"
    stack.send()
    stack.send(fails=True)
    # In batches of their own they are tried side by side.
    wait_until(
        lambda: (
            stack.of_mapping("FailedInvokeEventCount") == 1
            and stack.of_mapping("DeletedEventCount") == 1
        ),
        "both to be tried",
    )

    assert stack.of_mapping("PolledEventCount") == 2
    assert stack.of_mapping("InvokedEventCount") == 2
    assert stack.of_queue("NumberOfMessagesSent") == 2
    assert stack.of_queue("NumberOfMessagesReceived") == 2
    assert stack.of_queue("NumberOfMessagesDeleted") == 1
    assert stack.waiting("NotVisible") == 1
    assert 1 <= (stack.of_queue("ApproximateNumberOfMessagesNotVisible", "Maximum") or 0) <= 2
    assert stack.of_function("Errors") == 0
    assert stack.of_function("Duration", "Minimum")
    assert 1 <= (stack.of_function("ConcurrentExecutions", "Maximum") or 0) <= 2
    assert stack.on() == set()


def test_an_error_of_a_function_that_a_mapping_invokes_is_counted(stack: SmallStack) -> None:
    stack.send(raises=True)
    wait_until(lambda: stack.of_mapping("FailedInvokeEventCount") == 1, "it to be tried")

    assert stack.of_function("Invocations") == stack.of_function("Errors") == 1
    assert stack.on() == {"errors"}
    # It would get older with the clock, and be a backlog.
    stack.sqs.purge_queue(QueueUrl=stack.queue)
    stack.cloudwatch.put_forward(180)
    assert stack.on() == set()


def test_a_function_that_may_not_run_is_throttled(stack: SmallStack, aws: Emulator) -> None:
    functions = aws.client("lambda")
    functions.put_function_concurrency(FunctionName=stack.name, ReservedConcurrentExecutions=0)

    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=stack.name, Payload=b'{"Records": []}')

    assert stack.of_function("Throttles") == 3, "as often as the client tried"
    assert stack.of_function("Invocations") is None


def test_a_queue_that_nobody_reads_gets_older_with_the_clock(stack: SmallStack) -> None:
    stack.reads(False)
    stack.send()
    assert stack.of_queue("ApproximateNumberOfMessagesVisible", "Maximum") == 1
    assert stack.on() == set()

    stack.cloudwatch.put_forward(120)
    assert stack.on() == set(), "to be on it takes two minutes with one of over two minutes"
    stack.cloudwatch.put_forward(60)
    assert stack.on() == {"backlog"}
    stack.cloudwatch.put_forward(60)
    assert stack.on() == {"backlog", "mapping-dead"}
    assert 240 <= (stack.of_queue("ApproximateAgeOfOldestMessage", "Maximum") or 0) < 270

    stack.reads(True)
    wait_until(lambda: not stack.waiting() + stack.waiting("NotVisible"), "all is read")
    stack.cloudwatch.collect()
    assert stack.on() == {"backlog"}, "the minute in which it ended was still one"
    stack.cloudwatch.put_forward(60)
    assert stack.on() == set()


def test_a_message_that_was_received_often_is_not_the_oldest_any_more(stack: SmallStack) -> None:
    def age() -> float:
        return stack.of_queue("ApproximateAgeOfOldestMessage", "Maximum") or 0

    stack.reads(False)
    stack.send()
    stack.cloudwatch.put_forward(60)
    for _ in range(3):
        stack.sqs.receive_message(QueueUrl=stack.queue, VisibilityTimeout=0)
    stack.cloudwatch.put_forward(60)
    assert 120 <= age() < 150

    stack.sqs.receive_message(QueueUrl=stack.queue, VisibilityTimeout=0)
    stack.cloudwatch.put_forward(60)
    assert stack.waiting() == 1
    assert age() == 0


def test_a_dead_letter_is_as_old_as_its_time_in_the_dead_letter_queue(stack: SmallStack) -> None:
    def age() -> float:
        return (
            stack.value(
                "AWS/SQS",
                "ApproximateAgeOfOldestMessage",
                "Maximum",
                QueueName=f"{stack.name}-dead",
            )
            or 0
        )

    stack.reads(False)
    stack.send()
    stack.cloudwatch.put_forward(60)
    for _ in range(6):  # the last one finds that it was received often enough
        stack.sqs.receive_message(QueueUrl=stack.queue, VisibilityTimeout=0)
    stack.cloudwatch.collect()
    assert stack.waiting() == 0
    assert age() < 30
    stack.cloudwatch.put_forward(60)
    assert 60 <= age() < 90


def test_statements_and_reads_of_a_table_consume_capacity(stack: SmallStack, aws: Emulator) -> None:
    dynamodb = aws.client("dynamodb")
    key = [{"AttributeName": "id", "KeyType": "HASH"}]
    defined = [{"AttributeName": "id", "AttributeType": "S"}]
    dynamodb.create_table(
        TableName=stack.name,
        KeySchema=key,
        AttributeDefinitions=defined,
        BillingMode="PAY_PER_REQUEST",
    )
    insert = {"Statement": f"INSERT INTO \"{stack.name}\" VALUE {{'id': 'a'}}"}
    answer = dynamodb.batch_execute_statement(Statements=[insert])
    again = dynamodb.batch_execute_statement(Statements=[insert, {"Statement": "NONSENSE"}])
    assert "ConsumedCapacity" not in answer
    codes = [one["Error"]["Code"] for one in again["Responses"]]
    assert codes == ["DuplicateItem", "ValidationError"]
    keys = [{"id": {"S": name}} for name in "abc"]
    dynamodb.batch_get_item(RequestItems={stack.name: {"Keys": keys, "ConsistentRead": True}})
    select = f"SELECT * FROM \"{stack.name}\" WHERE id = 'a'"  # noqa: S608
    dynamodb.batch_execute_statement(Statements=[{"Statement": select}])

    table = {"TableName": stack.name}
    assert stack.total("AWS/DynamoDB", "ConsumedWriteCapacityUnits", **table) == 2
    assert stack.total("AWS/DynamoDB", "ConsumedReadCapacityUnits", **table) == 3.5


def test_rules_of_a_partner_bus_count_what_they_send(stack: SmallStack, aws: Emulator) -> None:
    events = aws.client("events")
    events.create_event_bus(Name=SOURCE, EventSourceName=SOURCE)
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:{stack.name}-intake"
    gone = f"arn:aws:sqs:{aws.region}:{aws.account}:gone"
    service = {"Service": "events.amazonaws.com"}
    allow = {"Effect": "Allow", "Principal": service, "Action": "sqs:SendMessage", "Resource": arn}
    stack.sqs.set_queue_attributes(
        QueueUrl=stack.queue, Attributes={"Policy": json.dumps({"Statement": [allow]})}
    )
    for rule, target in (("kept", arn), ("lost", gone)):
        pattern = json.dumps({"detail": {"to": [rule]}})
        events.put_rule(Name=rule, EventBusName=SOURCE, EventPattern=pattern)
        events.put_targets(Rule=rule, EventBusName=SOURCE, Targets=[{"Id": "1", "Arn": target}])
    send = partner_event_sender(aws)

    def event(to: str) -> dict[str, Any]:
        return {
            "id": "1",
            "detail-type": "any",
            "source": SOURCE,
            "account": aws.account,
            "time": "2026-11-23T10:00:05Z",
            "region": aws.region,
            "resources": [],
            "detail": {"to": to},
        }

    send(SOURCE, aws.account, aws.region, [event("kept")] * 3 + [event("neither")])
    with pytest.raises(events.exceptions.ClientError, match="queue does not exist"):
        send(SOURCE, aws.account, aws.region, [event("lost")] * 2)

    def counted(rule: str, metric: str) -> float | None:
        return stack.total("AWS/Events", metric, EventBusName=SOURCE, RuleName=rule)

    assert [counted("kept", name) for name in ("TriggeredRules", "Invocations")] == [3, 3]
    assert counted("kept", "FailedInvocations") is None
    assert [counted("lost", name) for name in ("TriggeredRules", "FailedInvocations")] == [2, 2]
    assert counted("lost", "Invocations") is None


def test_a_message_from_another_account_counts_for_the_queues_owner(
    stack: SmallStack, aws: Emulator
) -> None:
    somebody = aws.client("sqs", "999999999999")
    somebody.send_message(QueueUrl=stack.queue, MessageBody="{}")

    assert stack.of_queue("NumberOfMessagesSent") == 1


def test_percentiles_of_value_lists_are_interpolated(stack: SmallStack, aws: Emulator) -> None:
    aws.client("cloudwatch").put_metric_data(
        Namespace="QueueEnds",
        MetricData=[
            {
                "MetricName": "Latency",
                "Dimensions": [{"Name": "Stage", "Value": stack.name}],
                "Values": [100.0, 200.0, 300.0],
                "Counts": [2.0, 1.0, 2.0],
            }
        ],
    )

    def latency(statistic: str) -> float | None:
        return stack.value("QueueEnds", "Latency", statistic, Stage=stack.name)

    assert [latency(name) for name in ("p0", "p50", "p95", "p100")] == [100, 200, 300, 300]
    assert latency("p40") == pytest.approx(160)


def test_collecting_goes_on_by_itself_and_once_more_at_the_end(stack: SmallStack) -> None:
    with collecting(stack.cloudwatch, interval=0.05):
        stack.count("Failed", 1)
        wait_until(lambda: stack.on() == {"failures"}, "the alarm is on")
        stack.cloudwatch.put_forward(600)
        stack.count("Failed", 1)
    assert stack.on() == {"failures"}


def test_an_error_while_collecting_is_raised_at_the_end(stack: SmallStack) -> None:
    stack.send(prints=[stack.line(Ended="2")])
    with pytest.raises(Dropped), collecting(stack.cloudwatch, interval=0.05):
        # The line can come after the message is deleted.
        wait_until(
            lambda: [*log_events(stack.aws.client("logs"), stack.name, pattern="Ended")],
            "the line comes",
        )


def test_metrics_and_alarms_work_where_iam_is_enforced(tmp_path: Path) -> None:
    with emulator(enforce_iam=True) as strict:
        stack = SmallStack(strict, "Strict", tmp_path)
        stack.cloudwatch.add_health_alarm()
        stack.reads(False)
        stack.send(prints=[stack.line(Failed=1)])
        stack.cloudwatch.put_forward(60)
        assert (stack.of_queue("ApproximateAgeOfOldestMessage", "Maximum") or 0) >= 60
        stack.reads(True)
        wait_until(lambda: stack.value("QueueEnds", "Failed", Stage=stack.name) == 1, "counted")

        assert stack.on() == {"failures", "health"}
        stack.cloudwatch.put_forward(180)
        assert stack.on() == set()
