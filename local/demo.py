"""The demo: deploy, run conversations through, account for every event, clean up.

Ends with status 0 only if the account balances and nothing is left behind.
"""

import argparse
import json
import signal
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.account import Account
from local.crm import Crm, End, crm
from local.emulator import Emulator, EmulatorFailed, emulator
from local.genesys import GenesysCloud, sqs_sender
from local.project import DeployFailed, Deployment, Project
from local.recorders import BusRecorder, WebhookReceiver, bus_recorder, webhook_receiver
from local.screen import Screen
from local.traffic import FOREIGN, OURS, Event, conversations, malformed_bodies

ACTION = Path(__file__).with_name("crm_action.py")
STAGE = "demo"
SECRET = "queue-ends/genesys"  # noqa: S105 - the name of one
WEBHOOK_SECRET = "queue-ends/webhook"  # noqa: S105 - the name of one
# Of every so many conversations in our queues one is refused by the CRM at first, another one by
# the webhook's receiver, and the ends of a third one are published again.
EVERY, AT_THE_CRM, AT_THE_WEBHOOK, AGAIN = 8, 0, 3, 5
CRM_REFUSALS, WEBHOOK_REFUSALS = 2, 1
BURST = 40
# Events of each kind that is sent straight to the queue although the filter would not let it by.
STRAYS = 3
# Seconds in which everything that was sent must have come to its end.
PATIENCE = 120.0


class Unbalanced(Exception):
    """The account does not add up, or something was left behind."""


@dataclass(frozen=True, slots=True)
class World:
    """All that the demo talks to."""

    aws: Emulator
    genesys: GenesysCloud
    customers: Crm
    hook: WebhookReceiver
    project: Project
    screen: Screen

    def settings(self, queue_ids: Sequence[str]) -> dict[str, Any]:
        return {
            "queue_ids": queue_ids,
            "genesys_login_url": self.genesys.url,
            "genesys_api_url": self.genesys.url,
            "genesys_secret": SECRET,
            "destinations": ["actions", "bus", "webhook"],
            "webhook_url": self.hook.url,
            "webhook_secret": WEBHOOK_SECRET,
            "retry_delay_seconds": 1,
            # What meets the claim of another worker waits until that one's time is over.
            "worker_timeout_seconds": 10,
            # No more workers than a small machine has cores.
            "max_concurrency": 2,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--events", type=int, default=400, help="conversations to make up")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same ones")
    options = parser.parse_args(arguments)
    if options.events < 1:
        parser.error("EVENTS must be 1 or more")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    screen = Screen(steps=6)
    try:
        with ExitStack() as cleanup:
            _run(_start(cleanup, screen), options.events, options.seed)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        screen.note("Interrupted; everything that was started has been stopped.")
        return 130
    except (DeployFailed, EmulatorFailed, Unbalanced) as error:
        screen.note(f"FAILED: {error}")
        return 1
    print(f"\nDone in {screen.seconds():.0f} s: every event accounted for, nothing left behind.")
    return 0


def _start(cleanup: ExitStack, screen: Screen) -> World:
    screen.step("Starting an AWS emulator, and stand-ins for all that is not AWS")
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="queue-ends-demo-")))
    customers = cleanup.enter_context(crm())
    hook = cleanup.enter_context(webhook_receiver())
    aws = cleanup.enter_context(emulator(env={"QUEUE_ENDS_CRM_URL": customers.url}))
    genesys = cleanup.enter_context(GenesysCloud(sqs_sender(aws)))
    # An interrupted clean-up would leave something running.
    cleanup.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
    genesys.activation_seconds = 1
    for name in ("reporting", "workforce-management"):
        genesys.seed(name)
    credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=json.dumps(credentials))
    secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=hook.secret)
    screen.note(f"AWS            {aws.endpoint}")
    screen.note(f"Genesys Cloud  {genesys.url}")
    screen.note(f"CRM            {customers.url}")
    screen.note(f"webhook        {hook.url}")
    project = Project(aws, folder, actions=ACTION, progress=screen.progress)
    return World(aws, genesys, customers, hook, project, screen)


def _run(world: World, count: int, seed: int) -> None:
    screen = world.screen
    screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    world.project.bootstrap()
    deployment = world.project.deploy(STAGE, **world.settings(OURS))
    screen.settle()
    subscription_id = deployment.outputs["SubscriptionId"]
    screen.note(f"subscription {subscription_id} is active, its filter:")
    screen.note(_filter(world))

    events = list(conversations(seed, count))
    screen.step(f"{len(events)} events of {count} conversations in six queues, two of them ours")
    with bus_recorder(world.aws, deployment.outputs["EndsBusName"]) as bus:
        run = Run(world, deployment, bus, events)
        run.send()
        run.finish()
    account = run.account

    screen.step("The account")
    screen.note(account.table())
    checks = account.checks()
    screen.note(
        "\n".join(f"{'ok ' if holds else 'NOT'} {check}" for check, holds in checks.items())
    )
    if not all(checks.values()):
        raise Unbalanced("the account does not balance; see the lines marked NOT above.")

    screen.step("Another queue in queue_ids, and cdk deploy again")
    changed = world.project.deploy(STAGE, **world.settings([OURS[0], FOREIGN[0]]))
    screen.settle()
    if changed.outputs["SubscriptionId"] != subscription_id or FOREIGN[0] not in _filter(world):
        raise Unbalanced("the subscription was not updated in place.")
    screen.note("the same subscription, updated in place; its filter now:")
    screen.note(_filter(world))

    screen.step("cdk destroy")
    world.project.destroy(STAGE, **world.settings([OURS[0], FOREIGN[0]]))
    screen.settle()
    _check_nothing_left(world)


class Run:
    """Events on their way through the deployed stack, and what has become of them.

    Attributes
    ----------
    account
        What was sent and what should become of it; `finish` adds what did.
    """

    def __init__(
        self, world: World, deployment: Deployment, bus: BusRecorder, events: Sequence[Event]
    ) -> None:
        self._world, self._outputs, self._bus = world, deployment.outputs, bus
        self._events = events
        ours = [e for e in events if e.kind != "other_type" and e.queue_id in OURS]
        foreign = [e for e in events if e.kind != "other_type" and e.queue_id in FOREIGN]
        other_types = [e for e in events if e.kind == "other_type"]
        strays = foreign[:STRAYS] + other_types[:STRAYS]
        poison = malformed_bodies()
        self._straight = [one.body for one in poison] + [json.dumps(e.body) for e in strays]

        ids = list(dict.fromkeys(event.conversation_id for event in ours))
        at_the_crm = dict.fromkeys(ids[AT_THE_CRM::EVERY], CRM_REFUSALS)
        at_the_webhook = dict.fromkeys(ids[AT_THE_WEBHOOK::EVERY], WEBHOOK_REFUSALS)
        world.customers.refusals, world.hook.refusals = at_the_crm, at_the_webhook
        refusals = at_the_crm | at_the_webhook
        again = set(ids[AGAIN::EVERY])
        repeats = [_end(event) for event in ours if event.conversation_id in again]
        # Some while the first one may still be in the queue, the others when they are done.
        self._at_once, self._later = set(repeats[::2]), set(repeats[1::2])
        self._expected = {_end(event) for event in ours}
        self._published_at: dict[End, float] = {}
        self.account = Account(
            published=len(events) + len(repeats),
            repeated=len(repeats),
            straight=len(self._straight),
            expected=Counter(f"rejected.{one.reason}" for one in poison)
            + Counter(
                {
                    "processed": len(ours),
                    "duplicate": len(repeats),
                    "failed.destination": sum(refusals.get(e.conversation_id, 0) for e in ours),
                    "ignored.other_queue": len(foreign[:STRAYS]),
                    "ignored.other_event_type": len(other_types[:STRAYS]),
                }
            ),
        )

    def send(self) -> None:
        """Publish the events, some of them twice, and send others straight to the queue."""
        later: list[Event] = []
        for start in range(0, len(self._events), BURST):
            burst = [e.at(datetime.now(UTC)) for e in self._events[start : start + BURST]]
            moment = time.time()
            self._published_at |= {_end(event): moment for event in burst}
            ends = [event for event in burst if event.kind != "other_type"]
            self._publish(burst + [event for event in ends if _end(event) in self._at_once])
            later += [event for event in ends if _end(event) in self._later]
            self._send_straight(3)
            self._show()
        self._send_straight(len(self._straight))
        self._wait(lambda: {_end(event) for event in later} <= _everywhere(self._noted()))
        self._publish(later)

    def finish(self) -> None:
        """Wait until the account balances, or patience is over."""

        def balances() -> bool:
            self._look()
            return all(self.account.checks().values())

        self._wait(balances)
        self._world.screen.settle()

    def _publish(self, events: Sequence[Event]) -> None:
        receivers = self._world.genesys.publish_all([event.body for event in events])
        self.account.filtered += sum(not ids for ids in receivers)

    def _send_straight(self, count: int) -> None:
        for body in self._straight[:count]:
            self._world.aws.client("sqs").send_message(
                QueueUrl=self._outputs["QueueUrl"], MessageBody=body
            )
        del self._straight[:count]

    def _wait(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not done() and time.monotonic() < deadline:
            self._show()
            time.sleep(0.3)

    def _show(self) -> None:
        places = ", ".join(f"{len(noted)} at {place}" for place, noted in self._noted().items())
        refused = self._world.customers.refused.total() + self._world.hook.refused.total()
        self._world.screen.progress(f"of {len(self._expected)} ends {places}; {refused} refused")

    def _noted(self) -> dict[str, dict[End, list[float]]]:
        """Return when each end arrived, for each destination."""
        self._bus.collect()
        return {
            "the CRM": dict(self._world.customers.noted),
            "the bus": self._bus.noted,
            "the webhook": self._world.hook.noted,
        }

    def _look(self) -> None:
        """Bring the account up to date: with what is seen from outside, and the worker's log."""
        account, aws = self.account, self._world.aws
        account.worker = _worker_log(aws, self._outputs["WorkerFunctionName"])
        account.left = _messages_in(aws, self._outputs["QueueUrl"])
        account.dead = _dead_letters(aws, self._outputs["DeadLetterQueueUrl"], account.dead)
        # Last, so that once all messages are done nothing can arrive that is not seen here.
        noted = self._noted()
        account.arrived = {
            place: [len(moments) for end, moments in of_place.items() if end in self._expected]
            for place, of_place in noted.items()
        }
        account.strangers = Counter(
            {place: len(of_place.keys() - self._expected) for place, of_place in noted.items()}
        )
        account.forged = self._world.hook.forged
        account.latencies = [
            max(of_place[end][0] for of_place in noted.values()) - self._published_at[end]
            for end in self._expected & _everywhere(noted)
        ]


def _end(event: Event) -> End:
    return event.conversation_id, event.queue_id


def _everywhere(noted: Mapping[str, Mapping[End, object]]) -> set[End]:
    """Return the ends that arrived at every destination."""
    return set.intersection(*(set(of_place) for of_place in noted.values()))


def _worker_log(aws: Emulator, function: str) -> Counter[str]:
    """Return how many messages had each outcome and reason, by the worker's lines for batches."""
    configuration = aws.client("lambda").get_function_configuration(FunctionName=function)
    pages = aws.client("logs").get_paginator("filter_log_events")
    counts: Counter[str] = Counter()
    for page in pages.paginate(logGroupName=configuration["LoggingConfig"]["LogGroup"]):
        for event in page["events"]:
            if '"message":"Batch"' in event["message"]:
                line = json.loads(event["message"])
                counts.update({key: line[key] for key in OUTCOMES})
                counts.update(line["reasons"])
    return counts


OUTCOMES = ("received", "processed", "duplicate", "ignored", "rejected", "failed")


def _messages_in(aws: Emulator, queue_url: str) -> int:
    kinds = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=kinds)
    return sum(int(answer["Attributes"][kind]) for kind in kinds)


def _dead_letters(aws: Emulator, queue_url: str, so_far: Counter[str]) -> Counter[str]:
    """Return the messages in the dead-letter queue by reason; those seen before stay hidden."""
    found = Counter(so_far)
    while (
        messages := aws.client("sqs")
        .receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=3600,
            MessageAttributeNames=["reason"],
        )
        .get("Messages")
    ):
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            found[attributes.get("reason", {}).get("StringValue", "failed too often")] += 1
    return found


def _filter(world: World) -> str:
    name = f"queue-ends-{STAGE}"
    ours = (one for one in world.genesys.subscriptions if one["name"] == name)
    return "\n".join(textwrap.wrap(str(next(ours)["attributeFilter"]), 70))


def _check_nothing_left(world: World) -> None:
    names = sorted(subscription["name"] for subscription in world.genesys.subscriptions)
    queues = world.aws.client("sqs").list_queues(QueueNamePrefix=f"queue-ends-{STAGE}-")
    functions = world.aws.client("lambda").list_functions()["Functions"]
    groups = world.aws.client("logs").describe_log_groups()["logGroups"]
    tables = world.aws.client("dynamodb").list_tables()["TableNames"]
    buses = world.aws.client("events").list_event_buses()["EventBuses"]
    left = {
        "subscriptions of ours": [name for name in names if name.startswith("queue-ends")],
        "queues": queues.get("QueueUrls", []),
        "functions": [function["FunctionName"] for function in functions],
        "log groups": [
            g["logGroupName"] for g in groups if f"QueueEnds-{STAGE}" in g["logGroupName"]
        ],
        "tables": tables,
        "buses": [bus["Name"] for bus in buses if bus["Name"] != "default"],
    }
    world.screen.note("\n".join(f"{len(found)} {what} left" for what, found in left.items()))
    world.screen.note(f"{len(names)} subscriptions of others, untouched: {', '.join(names)}")
    if any(left.values()) or len(names) != 2:
        raise Unbalanced(f"left behind: {left}")


if __name__ == "__main__":
    sys.exit(main())
