"""Deploys the stack, lets faults strike while ends arrive, and accounts for every end.

The exit status is 0 only if no end was lost and none arrived twice, except ends that were in flight
when their process was killed.
"""

import argparse
import os
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from local.chaos.details import SETTINGS, ChaoticAnalytics
from local.chaos.fault_proxy import FaultProxy, descends_from
from local.chaos.faults import Faults
from local.chaos.messages import make_distinct_ends, scheduled_messages
from local.chaos.plan import Plan, full_plan
from local.chaos.run import Run
from local.http.server import HttpServer
from local.receivers.bus import record_bus
from local.runs.clean_up import RunFailed, run_and_clean_up
from local.runs.report import check_lines
from local.runs.screen import Screen
from local.runs.world import World, start_world
from local.traffic.subscription import OUR_QUEUES

ACTION = Path(__file__).with_name("action.py")
STAGE = "chaos"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `make chaos`; return the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="distinct ends")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plans the same faults")
    parser.add_argument("--details", choices=SETTINGS, default="none")
    options = parser.parse_args(arguments)
    if options.events < 100:
        parser.error(
            "EVENTS must be 100 or more: fewer make too few calls for all faults to strike"
        )
    return run(full_plan(options.seed, options.events, options.details))


def run(plan: Plan) -> int:
    """Run a plan in a new emulator and show its progress; return the exit status."""
    screen = Screen(step_count=5)
    status = run_and_clean_up(screen, lambda cleanup: _run(plan, cleanup, screen))
    if not status:
        print(f"\nSeed {plan.seed}, done in {screen.seconds():.0f} s: every end is accounted for.")
    return status


def _run(plan: Plan, cleanup: ExitStack, screen: Screen) -> None:
    rng = random.Random(plan.seed)
    screen.step(f"Start an AWS emulator, stand-ins and faults (seed {plan.seed})")
    proxy = FaultProxy(Faults(plan.schedule(rng)), lambda pid: descends_from(pid, os.getpid()))
    front = cleanup.enter_context(HttpServer(proxy.answer))
    # Only the functions inherit these endpoints, so only their calls pass through the proxy.
    through_proxy = {
        f"AWS_ENDPOINT_URL_{service}": front.url for service in ("DYNAMODB", "EVENTBRIDGE", "SQS")
    }
    world = start_world(cleanup, screen, STAGE, ACTION, **through_proxy)
    proxy.upstream = world.aws.endpoint
    screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    outputs = _deploy(plan, world)
    bus = cleanup.enter_context(record_bus(world.aws, outputs["EndsBusName"]))

    ends = make_distinct_ends(plan)
    messages = scheduled_messages(plan, rng, ends)
    screen.step(f"Send {len(messages)} messages in {messages[-1].at:.0f} s while faults strike")
    analytics = None
    if plan.details == "analytics":
        analytics = ChaoticAnalytics(world.genesys, proxy.faults, ends)
    run = Run(world, outputs, bus, proxy, analytics)
    run.send(messages)
    screen.step("Faults are over: wait until the intake queue is empty")
    run.drain(plan.drain_seconds)
    report = run.report(ends)
    screen.step("The account")
    screen.note(report.faults())
    screen.note(report.table())
    checks = report.checks()
    screen.note(check_lines(checks))
    if not all(checks.values()):
        raise RunFailed(f"the account of seed {plan.seed} does NOT balance.")


def _deploy(plan: Plan, world: World) -> Mapping[str, str]:
    world.project.bootstrap()
    # With this many receives, no message moves to the dead-letter queue because of faults.
    settings = {"queue_ids": OUR_QUEUES, "max_receive_count": 50, **SETTINGS[plan.details]}
    outputs = world.deploy(**settings)
    if plan.visibility_timeout is not None:
        world.aws.client("sqs").set_queue_attributes(
            QueueUrl=outputs["QueueUrl"],
            Attributes={"VisibilityTimeout": str(plan.visibility_timeout)},
        )
    return outputs
