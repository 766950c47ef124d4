"""The demo: deploy, run conversations through, account for every event, clean up.

Ends with status 0 only if the account balances and nothing is left behind.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws.emulator import Emulator, EmulatorFailed, emulator
from local.aws.left_behind import left_behind
from local.aws.partner_events import partner_events
from local.aws.project import ROOT, DeployFailed, Deployment, Project, function_of
from local.cloudwatch.collector import CloudWatch, collecting
from local.dashboard.page import Page, render
from local.demo.account import Account
from local.demo.counts import OUTCOMES, dead_letters, messages_in, shared_among, worker_log
from local.demo.feeds import DELIVERIES, OTHERS, Delivery, Feed
from local.genesys.cloud import GenesysCloud, sqs_sender
from local.interruption import ignore_signals, stopped_by_signals
from local.patience import looks
from local.receivers.crm import Crm, End, crm
from local.receivers.recorders import BusRecorder, WebhookReceiver, bus_recorder, webhook_receiver
from local.screen import Screen

ACTION = ROOT / "local/receivers/crm_action.py"
PAGE = ROOT / "build/demo/dashboard.html"
STAGE = "demo"
STACK = f"QueueEnds-{STAGE}"
NAME = f"queue-ends-{STAGE}"
SECRET = "queue-ends/genesys"  # noqa: S105 - the name of one
WEBHOOK_SECRET = "queue-ends/webhook"  # noqa: S105 - the name of one
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
    delivery: Delivery

    def settings(self, **changes: Any) -> dict[str, Any]:
        return {
            **self.delivery.settings,
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
            **changes,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return its exit status."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--events", type=int, default=400, help="conversations to make up")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same ones")
    parser.add_argument("--delivery", choices=DELIVERIES, default="subscription")
    parser.add_argument("--page", type=Path, default=PAGE, help="where the dashboard goes")
    options = parser.parse_args(arguments)
    if options.events < 1:
        parser.error("EVENTS must be 1 or more")
    screen = Screen(steps=6)
    try:
        with stopped_by_signals(), ExitStack() as cleanup:
            world = _start(cleanup, screen, DELIVERIES[options.delivery]())
            _run(world, options.events, options.seed, options.page)
            ignore_signals()
    except KeyboardInterrupt:
        screen.note("Interrupted; everything that was started has been stopped.")
        return 130
    except (DeployFailed, EmulatorFailed, Unbalanced) as error:
        screen.note(f"FAILED: {error}")
        return 1
    print(f"\nDone in {screen.seconds():.0f} s: every event accounted for, nothing left behind.")
    print(f"The dashboard of this run: {_shown(options.page)}")
    return 0


def _start(cleanup: ExitStack, screen: Screen, delivery: Delivery) -> World:
    screen.step("Starting an AWS emulator, and stand-ins for all that is not AWS")
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="queue-ends-demo-")))
    customers = cleanup.enter_context(crm())
    hook = cleanup.enter_context(webhook_receiver())
    aws = cleanup.enter_context(emulator(env={"QUEUE_ENDS_CRM_URL": customers.url}))
    genesys = cleanup.enter_context(GenesysCloud(sqs_sender(aws), deliver=partner_events(aws)))
    cleanup.callback(ignore_signals)
    genesys.activation_seconds = 1
    delivery.prepare(genesys)
    credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
    secrets = aws.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=json.dumps(credentials))
    secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=hook.secret)
    screen.note(f"AWS            {aws.endpoint}")
    screen.note(f"Genesys Cloud  {genesys.url}")
    screen.note(f"CRM            {customers.url}")
    screen.note(f"webhook        {hook.url}")
    project = Project(aws, folder, actions=ACTION, progress=screen.progress)
    return World(aws, genesys, customers, hook, project, screen, delivery)


def _shown(page: Path) -> str:
    """Return a path as it is typed where `make` is."""
    absolute = page.resolve()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(absolute)


def _run(world: World, count: int, seed: int, page: Path) -> None:
    screen = world.screen
    screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    world.project.bootstrap()
    deployment = world.project.deploy(STAGE, **world.settings())
    screen.settle()
    made, description = world.delivery.made(world.genesys, NAME)
    screen.note(description)
    if deployment.outputs["SubscriptionId"] != made:
        raise Unbalanced("the stack's output SubscriptionId names something else.")

    feed = world.delivery.feed(world.genesys, seed, count)
    screen.step(feed.summary)
    watching = CloudWatch(
        world.aws,
        deployment.outputs,
        STACK,
        world.project.folder / f"cdk.out/{STACK}.template.json",
    )
    watching.add_health_alarm()
    began = watching.now()
    with bus_recorder(world.aws, deployment.outputs["EndsBusName"]) as bus, collecting(watching):
        _look_after_it(world)
        run = Run(world, deployment, bus, feed)
        run.send()
        run.finish()
    account = feed.account
    dashboard = render(
        world.aws, deployment.outputs["DashboardName"], page, since=began, until=watching.now()
    )
    # The stack could not be destroyed with it.
    watching.remove_health_alarm()

    screen.step("The account")
    screen.note(account.table())
    checks = {**account.checks(), **dashboard_checks(dashboard, account)}
    screen.note(
        "\n".join(f"{'ok ' if holds else 'NOT'} {check}" for check, holds in checks.items())
    )
    if not all(checks.values()):
        raise Unbalanced("the account does not balance; see the lines marked NOT above.")

    title = " and ".join(f"other {key}" for key in world.delivery.changed)
    screen.step(f"{title.capitalize()}, and cdk deploy again")
    changed = world.settings(**world.delivery.changed)
    outputs = world.project.deploy(STAGE, **changed).outputs
    screen.settle()
    still, description_now = world.delivery.made(world.genesys, NAME)
    if {still, outputs["SubscriptionId"]} != {made} or description_now == description:
        raise Unbalanced(f"what Genesys Cloud has was not updated in place:\n{description_now}")
    screen.note(f"updated in place:\n{description_now}")

    screen.step("cdk destroy")
    world.project.destroy(STAGE, **changed)
    screen.settle()
    _check_nothing_left(world)


def _look_after_it(world: World) -> None:
    """Have the watchdog look now, as its schedule does every five minutes."""
    name = function_of(world.aws, STACK, "Watchdog")
    answer = world.aws.client("lambda").invoke(FunctionName=name)
    seen = json.loads(answer["Payload"].read())
    if seen.get("healthy") is not True:
        raise Unbalanced(f"the watchdog does not see what was deployed: {seen}")


def dashboard_checks(page: Page, account: Account) -> dict[str, bool]:
    """Return whether what the dashboard shows is what the account says, in words."""
    messages = {
        outcome: page.total("Messages in the time shown", outcome)
        for outcome in OUTCOMES
        if outcome != "ended"
    }
    by_queue = sum(one.total for one in page.series["Ends processed, by queue"].values())
    ended = account.worker["ended"]
    return {
        "the dashboard counts the same messages, outcome by outcome": messages
        == {outcome: account.worker[outcome] for outcome in messages},
        "it counts the same ends, in all and by queue": ended
        == page.total("Ends in the time shown", "processed")
        == by_queue,
    }


class Run:
    """A feed on its way through the deployed stack; its account tells what has become of it."""

    def __init__(self, world: World, deployment: Deployment, bus: BusRecorder, feed: Feed) -> None:
        self._world, self._outputs, self._bus = world, deployment.outputs, bus
        self._feed = feed
        world.customers.refusals = dict(feed.refusals.at_the_crm)
        world.hook.refusals = dict(feed.refusals.at_the_webhook)
        self._straight = list(feed.straight)

    def send(self) -> None:
        """Publish everything, some of it twice, and send others straight to the queue."""
        for _ in self._feed.publish():
            self._send_straight(3)
            self._show()
        self._send_straight(len(self._straight))
        self._wait(lambda: self._feed.late <= _everywhere(self._noted()))
        self._feed.publish_again()

    def finish(self) -> None:
        """Wait until the account balances, or patience is over."""

        def balances() -> bool:
            self._look()
            return all(self._feed.account.checks().values())

        self._wait(balances)
        self._world.screen.settle()

    def _send_straight(self, count: int) -> None:
        for body in self._straight[:count]:
            self._world.aws.client("sqs").send_message(
                QueueUrl=self._outputs["QueueUrl"], MessageBody=body
            )
        del self._straight[:count]

    def _wait(self, done: Callable[[], bool]) -> None:
        for _ in looks(PATIENCE, every=0.3):
            if done():
                return
            self._show()

    def _show(self) -> None:
        places = ", ".join(
            f"{sum(map(len, noted.values()))} at {place}" for place, noted in self._noted().items()
        )
        refused = self._world.customers.refused.total() + self._world.hook.refused.total()
        ends = self._feed.expected.total()
        self._world.screen.progress(f"of {ends} ends {places}; {refused} refused")

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
        account, expected, aws = self._feed.account, self._feed.expected, self._world.aws
        account.worker = worker_log(aws, self._outputs["WorkerFunctionName"])
        account.left = messages_in(aws, self._outputs["QueueUrl"])
        account.dead = dead_letters(aws, self._outputs["DeadLetterQueueUrl"], account.dead)
        # Last, so that once all messages are done nothing can arrive that is not seen here.
        noted = self._noted()
        account.arrived = {
            place: [
                times
                for end, count in expected.items()
                for times in shared_among(count, len(of_place.get(end, ())))
            ]
            for place, of_place in noted.items()
        }
        account.strangers = Counter(
            {place: len(of_place.keys() - expected.keys()) for place, of_place in noted.items()}
        )
        account.forged = self._world.hook.forged
        account.latencies = [
            max(of_place[end][-1] for of_place in noted.values()) - self._feed.published_at[end]
            for end in expected.keys() & _everywhere(noted)
        ]


def _everywhere(noted: Mapping[str, Mapping[End, object]]) -> set[End]:
    """Return the ends that arrived at every destination."""
    return set.intersection(*(set(of_place) for of_place in noted.values()))


def _check_nothing_left(world: World) -> None:
    names = sorted(world.delivery.names(world.genesys))
    ours = [name for name in names if name.startswith("queue-ends")]
    left = {"things of ours in Genesys Cloud": ours, **left_behind(world.aws, STAGE)}
    world.screen.note("\n".join(f"{len(found)} {what} left" for what, found in left.items()))
    world.screen.note(f"what others have there, untouched: {', '.join(names)}")
    if any(left.values()) or names != sorted(OTHERS):
        raise Unbalanced(f"left behind: {left}")
