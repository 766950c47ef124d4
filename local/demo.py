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
from collections.abc import Sequence
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
from local.screen import Screen
from local.traffic import FOREIGN, OURS, Event, conversations, malformed_bodies

ACTION = Path(__file__).with_name("crm_action.py")
STAGE = "demo"
SECRET = "queue-ends/genesys"  # noqa: S105 - the name of one
# The CRM refuses every so many of our ends at first, this often.
REFUSED_EVERY, REFUSALS = 12, 2
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
    project: Project
    screen: Screen

    def settings(self, queue_ids: Sequence[str]) -> dict[str, Any]:
        return {
            "queue_ids": queue_ids,
            "genesys_login_url": self.genesys.url,
            "genesys_api_url": self.genesys.url,
            "genesys_secret": SECRET,
            "retry_delay_seconds": 1,
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
    screen.step("Starting an AWS emulator, and stand-ins for Genesys Cloud and a CRM")
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="queue-ends-demo-")))
    customers = cleanup.enter_context(crm())
    aws = cleanup.enter_context(emulator(env={"QUEUE_ENDS_CRM_URL": customers.url}))
    genesys = cleanup.enter_context(GenesysCloud(sqs_sender(aws)))
    # An interrupted clean-up would leave something running.
    cleanup.callback(signal.signal, signal.SIGINT, signal.SIG_IGN)
    genesys.activation_seconds = 1
    for name in ("reporting", "workforce-management"):
        genesys.seed(name)
    credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
    aws.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(credentials))
    screen.note(f"AWS            {aws.endpoint}")
    screen.note(f"Genesys Cloud  {genesys.url}")
    screen.note(f"CRM            {customers.url}")
    project = Project(aws, folder, actions=ACTION, progress=screen.progress)
    return World(aws, genesys, customers, project, screen)


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
    account = _send_through(world, deployment, events)

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


def _send_through(world: World, deployment: Deployment, events: Sequence[Event]) -> Account:
    """Publish the events, send others straight to the queue, and wait for all to be done."""
    ours = [e for e in events if e.kind != "other_type" and e.queue_id in OURS]
    world.customers.refusals = {e.conversation_id: REFUSALS for e in ours[::REFUSED_EVERY]}
    poison = malformed_bodies()
    foreign = [e for e in events if e.kind != "other_type" and e.queue_id in FOREIGN][:STRAYS]
    other_types = [e for e in events if e.kind == "other_type"][:STRAYS]
    account = Account(
        published=len(events),
        straight=len(poison) + len(foreign) + len(other_types),
        expected=Counter(f"rejected.{one.reason}" for one in poison)
        + Counter(
            {
                "processed": len(ours),
                "failed": sum(world.customers.refusals.get(e.conversation_id, 0) for e in ours),
                "ignored.other_queue": len(foreign),
                "ignored.other_event_type": len(other_types),
            }
        ),
    )
    sqs = world.aws.client("sqs")
    queue_url = deployment.outputs["QueueUrl"]
    straight = [one.body for one in poison]
    straight += [json.dumps(event.body) for event in (*foreign, *other_types)]

    published_at: dict[End, float] = {}
    for start in range(0, len(events), BURST):
        burst = [event.at(datetime.now(UTC)) for event in events[start : start + BURST]]
        moment = time.time()
        published_at |= {(event.conversation_id, event.queue_id): moment for event in burst}
        receivers = world.genesys.publish_all([event.body for event in burst])
        account.filtered += sum(not ids for ids in receivers)
        for body in straight[:3]:
            sqs.send_message(QueueUrl=queue_url, MessageBody=body)
        del straight[:3]
        _show(world, start + len(burst), len(events), len(ours))
    for body in straight:
        sqs.send_message(QueueUrl=queue_url, MessageBody=body)

    deadline = time.monotonic() + PATIENCE
    while True:
        _look(world, deployment, account, ours, published_at)
        _show(world, len(events), len(events), len(ours))
        if all(account.checks().values()) or time.monotonic() > deadline:
            break
        time.sleep(0.3)
    world.screen.settle()
    return account


def _show(world: World, published: int, events: int, ours: int) -> None:
    noted, refused = len(world.customers.noted), world.customers.refused.total()
    world.screen.progress(
        f"published {published}/{events}, in the CRM {noted}/{ours}, refused there {refused}"
    )


def _look(
    world: World,
    deployment: Deployment,
    account: Account,
    ours: Sequence[Event],
    published_at: dict[End, float],
) -> None:
    """Bring the account up to date with what can be seen from outside, and the worker's log."""
    noted = {end: list(moments) for end, moments in world.customers.noted.items()}
    expected = {(event.conversation_id, event.queue_id) for event in ours}
    account.delivered = [len(noted[end]) for end in expected if end in noted]
    account.strangers = len(noted.keys() - expected)
    account.latencies = [noted[end][0] - published_at[end] for end in expected if end in noted]
    account.worker = _worker_log(world.aws, deployment.outputs["WorkerFunctionName"])
    account.left = _messages_in(world.aws, deployment.outputs["QueueUrl"])
    account.dead = _dead_letters(world.aws, deployment.outputs["DeadLetterQueueUrl"], account.dead)


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
    left = {
        "subscriptions of ours": [name for name in names if name.startswith("queue-ends")],
        "queues": queues.get("QueueUrls", []),
        "functions": [function["FunctionName"] for function in functions],
        "log groups": [
            g["logGroupName"] for g in groups if f"QueueEnds-{STAGE}" in g["logGroupName"]
        ],
    }
    world.screen.note("\n".join(f"{len(found)} {what} left" for what, found in left.items()))
    world.screen.note(f"{len(names)} subscriptions of others, untouched: {', '.join(names)}")
    if any(left.values()) or len(names) != 2:
        raise Unbalanced(f"left behind: {left}")


if __name__ == "__main__":
    sys.exit(main())
