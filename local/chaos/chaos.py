"""Deploys the stack, lets faults strike while events arrive, and accounts for every end.

The exit status is 0 only if no end was lost and none arrived twice, except ends that were in flight
when their process was killed.
"""

import argparse
import gc
import os
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from local.chaos.clock import HeldClock
from local.chaos.details import SETTINGS, ChaoticAnalytics
from local.chaos.fault_proxy import FaultProxy, descends_from
from local.chaos.faults import Faults
from local.chaos.plan import Plan, full_plan
from local.chaos.run import Run
from local.chaos.source.deliveries import DELIVERIES, Delivery, Source
from local.chaos.source.recovery import Recovery
from local.chaos.source.steps import scheduled_steps
from local.http.server import HttpServer
from local.receivers.bus import record_bus
from local.runs.clean_up import RunFailed, run_and_clean_up
from local.runs.report import check_lines
from local.runs.screen import Screen
from local.runs.watchdog import Watchdog
from local.runs.world import World, start_world
from local.traffic.subscription import OUR_QUEUES

ACTION = Path(__file__).with_name("action.py")
STAGE = "chaos"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `make chaos`; return the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="distinct events")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plans the same faults")
    parser.add_argument("--details", choices=SETTINGS, default="none")
    parser.add_argument("--delivery", choices=DELIVERIES, default="subscription")
    options = parser.parse_args(arguments)
    if options.events < 100:
        parser.error(
            "EVENTS must be 100 or more: fewer make too few calls for all faults to strike"
        )
    return run(full_plan(options.seed, options.events, options.details, options.delivery))


def run(plan: Plan) -> int:
    """Run a plan in a new emulator and show its progress; return the exit status."""
    screen = Screen(step_count=6)
    status = run_and_clean_up(screen, lambda cleanup: _run(plan, cleanup, screen))
    if not status:
        print(f"\nSeed {plan.seed}, done in {screen.seconds():.0f} s: every end is accounted for.")
    return status


def _run(plan: Plan, cleanup: ExitStack, screen: Screen) -> None:
    rng, clock, delivery = random.Random(plan.seed), HeldClock(), DELIVERIES[plan.delivery]
    screen.step(f"Start an AWS emulator, stand-ins and faults (seed {plan.seed})")
    faults = Faults(plan.schedule(rng), clock)
    proxy = FaultProxy(faults, lambda pid: descends_from(pid, os.getpid()))
    front = cleanup.enter_context(HttpServer(proxy.answer))
    front.records = False
    # Only the functions inherit these endpoints, so only their calls pass through the proxy.
    through_proxy = {
        f"AWS_ENDPOINT_URL_{service}": front.url for service in ("DYNAMODB", "EVENTBRIDGE", "SQS")
    }
    world = start_world(cleanup, screen, STAGE, ACTION, **through_proxy)
    proxy.upstream = world.aws.endpoint
    screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    outputs = _deploy(plan, world, delivery)
    bus = cleanup.enter_context(record_bus(world.aws, outputs["EndsBusName"]))

    traffic = delivery.traffic(plan)
    steps = scheduled_steps(plan, rng, traffic)
    screen.step(f"Publish {len(steps)} events in {steps[-1].at:.0f} s or more while faults strike")
    source, watchdog = Source(world.genesys, delivery, STAGE), Watchdog(world.aws, world.stack_name)
    analytics = None
    if plan.details == "analytics":
        analytics = ChaoticAnalytics(world.genesys, faults, traffic)
    run = Run(
        world,
        outputs,
        bus=bus,
        proxy=proxy,
        clock=clock,
        source=source,
        traffic=traffic,
        watchdog=watchdog,
        analytics=analytics,
    )
    # The traffic and its steps stay: the collection of garbage need not look at them again.
    gc.freeze()
    run.send(steps)
    screen.step("Faults are over: wait until the intake queue is empty")
    run.drain(plan.drain_seconds)
    screen.step("The watchdog's backfill recovers what Genesys Cloud lost")
    recovery = Recovery(world, outputs["LedgerTableName"], watchdog, traffic)
    run.recover(recovery, plan.drain_seconds)
    report = run.report()
    screen.step("The account")
    screen.note(report.faults())
    screen.note(report.table())
    checks = report.checks()
    screen.note(check_lines(checks))
    if not all(checks.values()):
        raise RunFailed(f"the account of seed {plan.seed} does NOT balance.")


def _deploy(plan: Plan, world: World, delivery: Delivery) -> Mapping[str, str]:
    world.project.bootstrap()
    # With this many receives, no message moves to the dead-letter queue because of faults.
    settings = {
        "queue_ids": OUR_QUEUES,
        "max_receive_count": 50,
        "watchdog": "heal",
        "backfill": "repair",
        # While faults hold up one worker, others go on.
        "max_concurrency": 4,
        **delivery.settings,
        **SETTINGS[plan.details],
    }
    world.genesys.has_subscription_api = (
        delivery.entities(world.genesys) is world.genesys.subscriptions
    )
    outputs = world.deploy(**settings)
    if plan.visibility_timeout is not None:
        world.aws.client("sqs").set_queue_attributes(
            QueueUrl=outputs["QueueUrl"],
            Attributes={"VisibilityTimeout": str(plan.visibility_timeout)},
        )
    return outputs
