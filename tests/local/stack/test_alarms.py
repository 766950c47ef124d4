"""The fault drill: what each alarm warns of is made to happen, is seen, and is put right again."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC

import pytest

from local.aws.project import find_function_name
from local.cloudwatch.collector import CloudWatch
from local.demo.counts import logged_outcomes
from local.runs.queues import count_messages
from local.runs.watchdog import Watchdog
from local.traffic.subscription import OUR_QUEUES
from tests.local.stack.world import World, running_world
from tests.partner_events import event
from tests.polling import wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("alarms")

STACK, NAME = "QueueEnds-dev", "queue-ends-dev"
# Minutes by which an alarm must be on, and by which it must be off again.
SEEN_WITHIN, OVER_WITHIN = 5, 20


class Watched:
    """A deployed stack as somebody on call sees it, and as the rest of the world breaks it."""

    def __init__(self, world: World, outputs: Mapping[str, str]) -> None:
        self.world, self.outputs = world, outputs
        template = world.project.folder / f"cdk.out/{STACK}.template.json"
        self.cloudwatch = CloudWatch(world.aws, outputs, STACK, template)
        self._sqs, self._lambda = world.aws.client("sqs"), world.aws.client("lambda")
        self.watchdog = Watchdog(world.aws, STACK)
        self._mailbox = _subscribed(world, outputs["AlarmTopicArn"])
        self._former_variables: dict[str, str] = {}
        self.minute = itertools.count()
        self._conversations = 0

    def minutes(self, number: int) -> Iterator[set[str]]:
        """Let minutes pass, at most so many; yield what is on by each of them."""
        for _ in range(number):
            yield self.on()
            self.cloudwatch.put_forward(60)

    def on(self) -> set[str]:
        """Return the ids of the alarms that are on."""
        self.cloudwatch.collect()
        states = self.cloudwatch.states()
        return {name.removeprefix(f"{STACK}-") for name in states if states[name] == "ALARM"}

    def ids(self) -> set[str]:
        """Return the ids of all alarms."""
        return {name.removeprefix(f"{STACK}-") for name in self.cloudwatch.states()}

    def said(self) -> list[tuple[str, str]]:
        """Return what the topic has said since this was asked last: alarms and their new states."""
        found = []
        while batch := self._sqs.receive_message(
            QueueUrl=self._mailbox, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in batch:
                told = json.loads(json.loads(message["Body"])["Message"])
                found.append((told["AlarmName"].removeprefix(f"{STACK}-"), told["NewStateValue"]))
                self._sqs.delete_message(
                    QueueUrl=self._mailbox, ReceiptHandle=message["ReceiptHandle"]
                )
        return found

    def end(self, refusals: int = 0) -> None:
        """Have a conversation end; the CRM refuses it so often at first."""
        self._conversations += 1
        conversation_id = f"c-{self._conversations}"
        self.world.customers.refusals[conversation_id] = refusals
        leg = event("user.end", OUR_QUEUES[0], conversation_id=conversation_id)
        body = json.loads(leg)
        body["detail"]["eventBody"] |= {"disconnectType": "PEER", "interactingDurationMs": 60_000}
        self.send(json.dumps(body))

    def send(self, body: str, to: str = "QueueUrl") -> None:
        """Put a message into a queue, by an output's name or its own."""
        url = self.outputs.get(to) or self._sqs.get_queue_url(QueueName=to)["QueueUrl"]
        self._sqs.send_message(QueueUrl=url, MessageBody=body)

    def empty(self, queue: str) -> None:
        """Take everything out of a queue, by an output's name or its own."""
        url = self.outputs.get(queue) or self._sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        self._sqs.purge_queue(QueueUrl=url)

    def settle(self) -> None:
        """Wait until the intake queue is empty."""
        left = self.outputs["QueueUrl"]
        wait_until(lambda: not count_messages(self.world.aws, left), "all messages to be done with")

    def function(self, part: str) -> str:
        """Return the name of the function of a part of the stack."""
        return find_function_name(self.world.aws, STACK, part)

    def invoke_worker(self) -> None:
        """Invoke the worker without an event, as nobody should."""
        self._lambda.invoke(FunctionName=self.function("Worker"), Payload=b"{}")

    def throttled(self) -> None:
        """Ask the worker for more than it has places."""
        with pytest.raises(self._lambda.exceptions.TooManyRequestsException):
            self._lambda.invoke(FunctionName=self.function("Worker"), Payload=b"{}")

    def places(self, number: int | None) -> None:
        """Give the worker so many places to run in; None takes the limit away."""
        name = self.function("Worker")
        if number is None:
            self._lambda.delete_function_concurrency(FunctionName=name)
        else:
            self._lambda.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=number
            )

    def mapping(self, *, enabled: bool) -> None:
        """Switch the mapping of the intake queue on or off."""
        name = self.function("Worker")
        (mapping,) = self._lambda.list_event_source_mappings(FunctionName=name)[
            "EventSourceMappings"
        ]
        self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)

    def variables(self, part: str, **changes: str) -> None:
        """Change environment variables of a function."""
        name = self.function(part)
        given = self._lambda.get_function_configuration(FunctionName=name)["Environment"]
        variables: dict[str, str] = given["Variables"]
        self._lambda.update_function_configuration(
            FunctionName=name, Environment={"Variables": {**variables, **changes}}
        )
        self._former_variables = {key: variables[key] for key in changes}

    def restore_variables(self, part: str) -> None:
        """Undo the latest change of environment variables."""
        self.variables(part, **self._former_variables)

    def feed(self, alarm: str, value: float) -> None:
        """Record a value of the metric that an alarm watches, where the emulator has no such."""
        metrics = self.world.aws.client("cloudwatch")
        (watched,) = metrics.describe_alarms(AlarmNames=[f"{STACK}-{alarm}"])["MetricAlarms"]
        datum = {
            "MetricName": watched["MetricName"],
            "Dimensions": watched["Dimensions"],
            "Timestamp": self.cloudwatch.now().astimezone(UTC),
            "Value": value,
        }
        metrics.put_metric_data(Namespace=watched["Namespace"], MetricData=[datum])


def _subscribed(world: World, topic: str) -> str:
    """Return the URL of a queue that gets what a topic says."""
    sqs = world.aws.client("sqs")
    url = sqs.create_queue(QueueName="mailbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    world.aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    return str(url)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A stack with every alarm that there is, through which an end has gone."""
    folder = tmp_path_factory.mktemp("alarms")
    with running_world(
        folder,
        delivery="eventbridge",
        end_rule="queue_leg",
        destinations=["actions"],
        silence_hours=1,
        max_receive_count=12,
        # An operator puts right what the drills break; a watchdog that heals would be first.
        watchdog="report",
    ) as world:
        deployment = world.project.deploy("dev", **world.settings())
        watched = Watched(world, deployment.outputs)
        watched.cloudwatch.add_health_alarm()
        watched.end()
        watched.settle()
        yield watched


Steps = tuple[Callable[[Watched], object], ...]


@dataclass(frozen=True)
class Drill:
    """What raises an alarm, minute by minute until it is on, and what puts it right.

    `others` are raised by the same cause, because it is one of theirs, too.
    """

    alarm: str
    cause: Steps
    mend: Steps = ()
    each_minute: Callable[[Watched], object] = lambda _: None
    others: frozenset[str] = frozenset()
    within: int = SEEN_WITHIN


def _fed(alarm: str, value: float) -> Drill:
    return Drill(alarm, (), each_minute=lambda stack: stack.feed(alarm, value))


def _fails(stack: Watched) -> None:
    """Have an end fail once."""
    name = stack.outputs["WorkerFunctionName"]
    before = logged_outcomes(stack.world.aws, name)["failed"]
    stack.end()
    wait_until(lambda: logged_outcomes(stack.world.aws, name)["failed"] > before, "an end to fail")


# A function that times out, as on a machine that is suspended meanwhile, does not say what it did;
# and what it says just before the machine's clock is set is taken for older. So these causes are
# repeated each minute.


def _refused(stack: Watched) -> None:
    """Have an end refused once by its destination."""
    stack.end(refusals=1)
    stack.settle()


def _rejected(stack: Watched) -> None:
    """Have a message rejected."""
    stack.send("no JSON")
    stack.settle()


def _switched(stack: Watched, state: str) -> None:
    """Have somebody switch the integration on or off in Genesys Cloud, and the watchdog look."""
    (ours,) = stack.world.genesys.integrations.find_by_name(NAME)
    ours["reportedState"]["code"] = state
    stack.watchdog.run()


def _queue_deleted(stack: Watched) -> None:
    """Have somebody delete a queue in Genesys Cloud, and the watchdog look."""
    stack.world.genesys.queues.pop(OUR_QUEUES[1], None)
    stack.watchdog.run()


def _queue_restored(stack: Watched) -> None:
    """Have the queue made again in Genesys Cloud, and the watchdog look."""
    stack.world.genesys.queues.seed(OUR_QUEUES[1], "Billing")
    stack.watchdog.run()


DRILLS = [
    Drill(
        "dead-letters",
        (lambda stack: stack.send("failed too often", "DeadLetterQueueUrl"),),
        mend=(lambda stack: stack.empty("DeadLetterQueueUrl"),),
    ),
    Drill(
        "backlog",
        (lambda stack: stack.places(0), Watched.end),
        mend=(lambda stack: stack.places(None), Watched.settle),
    ),
    Drill(
        "failures",
        (lambda stack: stack.variables("Worker", LEDGER_TABLE="no-such-table"),),
        each_minute=_fails,
        mend=(lambda stack: stack.restore_variables("Worker"), Watched.settle),
    ),
    Drill(
        "mapping-dead",
        (lambda stack: stack.mapping(enabled=False),),
        mend=(lambda stack: stack.mapping(enabled=True),),
    ),
    Drill(
        "worker-errors",
        (lambda stack: stack.variables("Worker", RETRY_DELAY_SECONDS="-"),),
        each_minute=Watched.invoke_worker,
        mend=(lambda stack: stack.restore_variables("Worker"),),
    ),
    Drill(
        "worker-throttles",
        (lambda stack: stack.places(0),),
        each_minute=Watched.throttled,
        mend=(lambda stack: stack.places(None),),
    ),
    _fed("worker-slow", 9_000),
    Drill(
        "rejects",
        (_rejected,),
        each_minute=_rejected,
        mend=(lambda stack: stack.empty("DeadLetterQueueUrl"),),
        others=frozenset({"dead-letters"}),
    ),
    Drill("delivery-failures", (_refused,), each_minute=_refused),
    Drill(
        "subscription-unhealthy",
        (lambda stack: _switched(stack, "INACTIVE"),),
        each_minute=lambda stack: _switched(stack, "INACTIVE"),
        # No schedule looks again and again here: until what was seen is forgotten, the alarm, which
        # looks at five minutes at once, may come back.
        mend=(
            lambda stack: _switched(stack, "ACTIVE"),
            lambda stack: stack.cloudwatch.put_forward(15 * 60),
        ),
    ),
    Drill(
        "unknown-queues",
        (_queue_deleted,),
        each_minute=_queue_deleted,
        # As above, what was seen must be forgotten.
        mend=(_queue_restored, lambda stack: stack.cloudwatch.put_forward(15 * 60)),
    ),
    Drill(
        "watchdog-errors",
        (lambda stack: stack.variables("Watchdog", DEPLOYED="{"),),
        # As its schedule does, every five minutes.
        each_minute=lambda stack: next(stack.minute) % 5 or stack.watchdog.run(),
        mend=(lambda stack: stack.restore_variables("Watchdog"),),
        within=11,
    ),
    Drill(
        "undelivered",
        (lambda stack: stack.send("no way in", "queue-ends-dev-undelivered"),),
        mend=(lambda stack: stack.empty("queue-ends-dev-undelivered"),),
    ),
    _fed("rule-queues-1-failed", 1),
    _fed("ledger-reads-throttled", 1),
    _fed("ledger-writes-throttled", 1),
    Drill(
        "silence",
        (lambda stack: stack.cloudwatch.put_forward(3 * 3600),),
        mend=(Watched.end, Watched.settle),
    ),
]


def test_no_alarm_goes_on_in_a_stack_that_is_well_and_idle(watched: Watched) -> None:
    assert watched.watchdog.run()["healthy"] is True
    for on in watched.minutes(30):
        assert on == set()
    # The schedule has not looked meanwhile, since the emulator's time is that of this machine.
    assert ("subscription-unhealthy", "INSUFFICIENT_DATA") in watched.said()


def test_there_is_a_drill_for_every_alarm(watched: Watched) -> None:
    assert {drill.alarm for drill in DRILLS} | {"health"} == watched.ids()


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.alarm)
def test_each_cause_raises_its_own_alarm_until_it_is_mended(watched: Watched, drill: Drill) -> None:
    watched.end()
    watched.settle()
    assert watched.on() == set()
    watched.said()
    expected = {drill.alarm, *drill.others, "health"}

    for step in drill.cause:
        step(watched)
    for on in watched.minutes(drill.within):
        assert on <= expected
        if on == expected:
            break
        drill.each_minute(watched)
    assert watched.on() == expected

    for step in drill.mend:
        step(watched)
    for on in watched.minutes(OVER_WITHIN):
        assert on <= expected
        if not on:
            break
    assert watched.on() == set()
    said = watched.said()
    for alarm in expected:
        states = [state for name, state in said if name == alarm]
        assert states[0] == "ALARM"
        assert states[-1] in ("OK", "INSUFFICIENT_DATA")
