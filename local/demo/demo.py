"""Deploys the stack, runs made-up conversations through it, accounts for every event, cleans up.

The exit status is 0 only if the account balances and nothing is left behind.
"""

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from local.aws.left_behind import left_behind
from local.aws.project import ROOT
from local.cloudwatch.collector import CloudWatch, collecting
from local.dashboard.page import Page, render
from local.demo.counts import FIELDS
from local.demo.deliveries import DELIVERIES, OTHER_NAMES, Delivery
from local.demo.details import SETTINGS, add_details
from local.demo.feed import Feed
from local.demo.report import RunReport
from local.demo.run import Run
from local.receivers.bus import record_bus
from local.runs.clean_up import RunFailed, run_and_clean_up
from local.runs.report import check_lines
from local.runs.screen import Screen
from local.runs.watchdog import Watchdog
from local.runs.world import World, start_world

ACTION = ROOT / "local/receivers/crm_action.py"
PAGE = ROOT / "build/demo/dashboard.html"
STAGE = "demo"
NAME = f"queue-ends-{STAGE}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `make demo`; return the exit status."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--events", type=int, default=400, help="number of conversations")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same conversations")
    parser.add_argument("--delivery", choices=DELIVERIES, default="subscription")
    parser.add_argument("--details", choices=SETTINGS, default="none")
    parser.add_argument("--page", type=Path, default=PAGE, help="file for the dashboard")
    options = parser.parse_args(arguments)
    if options.events < 1:
        parser.error("EVENTS must be 1 or more")
    screen, delivery = Screen(step_count=6), DELIVERIES[options.delivery]

    def run(cleanup: ExitStack) -> None:
        world = _start(cleanup, screen, delivery)
        _run(world, delivery, options)

    status = run_and_clean_up(screen, run)
    if not status:
        print(
            f"\nDone in {screen.seconds():.0f} s: every event is accounted for, and nothing is"
            " left behind."
        )
        print(f"The dashboard of this run: {_display_path(options.page)}")
    return status


def _start(cleanup: ExitStack, screen: Screen, delivery: Delivery) -> World:
    screen.step("Start an AWS emulator, and stand-ins for everything outside AWS")
    world = start_world(cleanup, screen, STAGE, ACTION)
    delivery.prepare(world.genesys)
    screen.note(f"AWS            {world.aws.endpoint}")
    screen.note(f"Genesys Cloud  {world.genesys.url}")
    screen.note(f"CRM            {world.crm.url}")
    screen.note(f"webhook        {world.webhook.url}")
    return world


def _display_path(page: Path) -> str:
    """Return a path relative to the project if it is inside the project, else an absolute path."""
    absolute = page.resolve()
    return str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(absolute)


def _run(world: World, delivery: Delivery, options: argparse.Namespace) -> None:
    screen = world.screen
    screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    world.project.bootstrap()
    settings = {**delivery.settings, **SETTINGS[options.details]}
    outputs = world.deploy(**settings)
    first_id, description = delivery.describe_deployed(world.genesys, NAME)
    screen.note(description)
    if outputs["SubscriptionId"] != first_id:
        raise RunFailed("the stack's output SubscriptionId is not the id in Genesys Cloud.")

    feed = delivery.feed(world.genesys, options.seed, options.events)
    if options.details == "analytics":
        add_details(feed, world.genesys.analytics)
    screen.step(feed.summary)
    dashboard = _send(world, outputs, feed, options.page)
    screen.step("The account")
    screen.note(feed.report.table())
    if feed.report.details:
        screen.note(f"An end with its details:\n{feed.report.details.example()}")
    checks = {**feed.report.checks(), **dashboard_checks(dashboard, feed.report)}
    screen.note(check_lines(checks))
    if not all(checks.values()):
        raise RunFailed("the account does not balance; see the lines marked NOT above.")

    screen.step(f"Change {' and '.join(delivery.changed_settings)}, and cdk deploy again")
    changed = {**settings, **delivery.changed_settings}
    outputs = world.deploy(**changed)
    second_id, update = delivery.describe_deployed(world.genesys, NAME)
    if {second_id, outputs["SubscriptionId"]} != {first_id} or update == description:
        raise RunFailed(f"Genesys Cloud was not updated in place:\n{update}")
    screen.note(f"updated in place:\n{update}")

    screen.step("cdk destroy")
    world.project.destroy(STAGE, **world.settings(**changed))
    screen.clear_progress()
    _check_nothing_left(world, delivery)


def _send(world: World, outputs: Mapping[str, str], feed: Feed, page: Path) -> Page:
    """Send a feed, wait until its report balances, and return the rendered dashboard."""
    stack = world.stack_name
    template = world.project.folder / f"cdk.out/{stack}.template.json"
    cloudwatch = CloudWatch(world.aws, outputs, stack, template)
    cloudwatch.add_health_alarm()
    began = cloudwatch.now()
    with record_bus(world.aws, outputs["EndsBusName"]) as bus, collecting(cloudwatch):
        _run_watchdog(world)
        run = Run(world, outputs, bus, feed)
        run.send()
        run.finish()
    until = cloudwatch.now()
    dashboard = render(world.aws, outputs["DashboardName"], page, since=began, until=until)
    cloudwatch.remove_health_alarm()
    return dashboard


def _run_watchdog(world: World) -> None:
    """Invoke the watchdog once, as its schedule does every five minutes."""
    result = Watchdog(world.aws, world.stack_name).run()
    if result.get("healthy") is not True:
        raise RunFailed(f"the watchdog does not find Genesys Cloud as deployed: {result}")


def dashboard_checks(page: Page, report: RunReport) -> dict[str, bool]:
    """Return whether the dashboard agrees with the report, keyed by each check's description."""
    messages = {
        outcome: page.total("Messages in the time range", outcome)
        for outcome in FIELDS
        if outcome != "ended"
    }
    by_queue = sum(one.total for one in page.series["Ends processed, by queue"].values())
    ended = report.logged["ended"]
    missing = {}
    if report.details:
        counted = page.total("Ends delivered without details", "without details")
        missing = {"the dashboard counts the same ends without": counted == report.details.missing}
    return {
        "the dashboard counts the same messages by outcome": messages
        == {outcome: report.logged[outcome] for outcome in messages},
        "the dashboard counts the same ends, in all and by queue": ended
        == page.total("Ends in the time range", "ends")
        == by_queue,
        **missing,
    }


def _check_nothing_left(world: World, delivery: Delivery) -> None:
    names = delivery.names(world.genesys)
    ours = [name for name in names if name.startswith("queue-ends")]
    left = {"resources of the stack in Genesys Cloud": ours, **left_behind(world.aws, STAGE)}
    world.screen.note("\n".join(f"{len(found)} {kind} left" for kind, found in left.items()))
    world.screen.note(f"Genesys Cloud still has the resources of others: {', '.join(names)}")
    if any(left.values()) or names != OTHER_NAMES:
        raise RunFailed(f"left behind: {left}")
