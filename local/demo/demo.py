"""The demo: deploy, run conversations through, account for every event, clean up.

Ends with status 0 only if the account balances and nothing is left behind.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from local.aws.emulator import EmulatorFailed, emulator
from local.aws.left_behind import left_behind
from local.aws.partner_events import partner_events
from local.aws.project import ROOT, DeployFailed, Project, function_of
from local.cloudwatch.collector import CloudWatch, collecting
from local.dashboard.page import Page, render
from local.demo.account import Account
from local.demo.counts import OUTCOMES
from local.demo.feeds import DELIVERIES, OTHERS, Delivery
from local.demo.run import Run
from local.demo.world import SECRET, WEBHOOK_SECRET, World
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.interruption import ignore_signals, stopped_by_signals
from local.receivers.bus import bus_recorder
from local.receivers.crm import crm
from local.receivers.webhook import webhook_receiver
from local.screen import Screen

ACTION = ROOT / "local/receivers/crm_action.py"
PAGE = ROOT / "build/demo/dashboard.html"
STAGE = "demo"
STACK = f"QueueEnds-{STAGE}"
NAME = f"queue-ends-{STAGE}"


class Unbalanced(Exception):
    """The account does not add up, or something was left behind."""


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
    genesys.subscriptions.activation_seconds = 1
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
    began = datetime.now(UTC)
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


def _check_nothing_left(world: World) -> None:
    names = sorted(world.delivery.names(world.genesys))
    ours = [name for name in names if name.startswith("queue-ends")]
    left = {"things of ours in Genesys Cloud": ours, **left_behind(world.aws, STAGE)}
    world.screen.note("\n".join(f"{len(found)} {what} left" for what, found in left.items()))
    world.screen.note(f"what others have there, untouched: {', '.join(names)}")
    if any(left.values()) or names != sorted(OTHERS):
        raise Unbalanced(f"left behind: {left}")
