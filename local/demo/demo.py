"""The demo: deploy, run conversations through, account for every event, clean up.

Ends with status 0 only if the account balances and nothing is left behind.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from local.aws.left_behind import left_behind
from local.aws.project import ROOT, function_of
from local.cloudwatch.collector import CloudWatch, collecting
from local.dashboard.page import Page, render
from local.demo.account import Account
from local.demo.counts import OUTCOMES
from local.demo.deliveries import DELIVERIES, OTHERS, Delivery
from local.demo.feed import Feed
from local.demo.run import Run
from local.receivers.bus import bus_recorder
from local.runs.account import check_lines
from local.runs.clean_up import Unbalanced, run_and_clean_up
from local.runs.screen import Screen
from local.runs.world import World, start_world

ACTION = ROOT / "local/receivers/crm_action.py"
PAGE = ROOT / "build/demo/dashboard.html"
STAGE = "demo"
NAME = f"queue-ends-{STAGE}"


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
    screen, delivery = Screen(steps=6), DELIVERIES[options.delivery]

    def run(cleanup: ExitStack) -> None:
        world = _start(cleanup, screen, delivery)
        _run(world, delivery, options.events, options.seed, options.page)

    status = run_and_clean_up(screen, run)
    if not status:
        print(
            f"\nDone in {screen.seconds():.0f} s: every event accounted for, nothing left behind."
        )
        print(f"The dashboard of this run: {_shown(options.page)}")
    return status


def _start(cleanup: ExitStack, screen: Screen, delivery: Delivery) -> World:
    screen.step("Starting an AWS emulator, and stand-ins for all that is not AWS")
    world = start_world(cleanup, screen, STAGE, ACTION)
    delivery.prepare(world.genesys)
    screen.note(f"AWS            {world.aws.endpoint}")
    screen.note(f"Genesys Cloud  {world.genesys.url}")
    screen.note(f"CRM            {world.crm.url}")
    screen.note(f"webhook        {world.webhook.url}")
    return world


def _shown(page: Path) -> str:
    """Return a path as it is typed where `make` is."""
    absolute = page.resolve()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(absolute)


def _run(world: World, delivery: Delivery, count: int, seed: int, page: Path) -> None:
    screen = world.screen
    screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    world.project.bootstrap()
    outputs = world.deploy(**delivery.settings)
    made, description = delivery.made(world.genesys, NAME)
    screen.note(description)
    if outputs["SubscriptionId"] != made:
        raise Unbalanced("the stack's output SubscriptionId names something else.")

    feed = delivery.feed(world.genesys, seed, count)
    screen.step(feed.summary)
    dashboard = _send(world, outputs, feed, page)
    screen.step("The account")
    screen.note(feed.account.table())
    checks = {**feed.account.checks(), **dashboard_checks(dashboard, feed.account)}
    screen.note(check_lines(checks))
    if not all(checks.values()):
        raise Unbalanced("the account does not balance; see the lines marked NOT above.")

    title = " and ".join(f"other {key}" for key in delivery.changed)
    screen.step(f"{title.capitalize()}, and cdk deploy again")
    changed = {**delivery.settings, **delivery.changed}
    outputs = world.deploy(**changed)
    still, description_now = delivery.made(world.genesys, NAME)
    if {still, outputs["SubscriptionId"]} != {made} or description_now == description:
        raise Unbalanced(f"what Genesys Cloud has was not updated in place:\n{description_now}")
    screen.note(f"updated in place:\n{description_now}")

    screen.step("cdk destroy")
    world.project.destroy(STAGE, **world.settings(**changed))
    screen.settle()
    _check_nothing_left(world, delivery)


def _send(world: World, outputs: Mapping[str, str], feed: Feed, page: Path) -> Page:
    """Send what there is, until it is accounted for; return what the dashboard shows of it."""
    stack = world.stack_name
    template = world.project.folder / f"cdk.out/{stack}.template.json"
    watching = CloudWatch(world.aws, outputs, stack, template)
    watching.add_health_alarm()
    began = watching.now()
    with bus_recorder(world.aws, outputs["EndsBusName"]) as bus, collecting(watching):
        _look_after_it(world)
        run = Run(world, outputs, bus, feed)
        run.send()
        run.finish()
    until = watching.now()
    dashboard = render(world.aws, outputs["DashboardName"], page, since=began, until=until)
    # The stack could not be destroyed with it.
    watching.remove_health_alarm()
    return dashboard


def _look_after_it(world: World) -> None:
    """Have the watchdog look now, as its schedule does every five minutes."""
    name = function_of(world.aws, world.stack_name, "Watchdog")
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


def _check_nothing_left(world: World, delivery: Delivery) -> None:
    names = delivery.names(world.genesys)
    ours = [name for name in names if name.startswith("queue-ends")]
    left = {"things of ours in Genesys Cloud": ours, **left_behind(world.aws, STAGE)}
    world.screen.note("\n".join(f"{len(found)} {what} left" for what, found in left.items()))
    world.screen.note(f"what others have there, untouched: {', '.join(names)}")
    if any(left.values()) or names != OTHERS:
        raise Unbalanced(f"left behind: {left}")
