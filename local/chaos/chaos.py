"""Deploys the stack, lets faults strike while ends come in, and accounts for every one of them.

Ends with status 0 only if nothing was lost, and nothing delivered twice but what was in flight
when its process was killed.
"""

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from local.aws.emulator import EmulatorFailed, emulator
from local.aws.project import DeployFailed, Deployment, Project
from local.chaos.account import HUNG, Account
from local.chaos.fault_proxy import Death, FaultProxy, descends_from
from local.chaos.faults import Faults
from local.chaos.plan import OF_FAILED_ENDS, Plan, full
from local.chaos.seen import look, messages_in, printed
from local.chaos.sendings import BATCH, DUPLICATES, Sending, ends_of, sendings_of
from local.chaos.world import World
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from local.interruption import ignore_signals, stopped_by_signals
from local.patience import looks
from local.receivers.bus import BusRecorder, bus_recorder
from local.receivers.crm import crm
from local.receivers.webhook import webhook_receiver
from local.screen import Screen
from local.traffic.subscription import OURS

ACTION = Path(__file__).with_name("action.py")
STAGE = "chaos"
SECRET = "queue-ends/genesys"  # noqa: S105 - the name of one
WEBHOOK_SECRET = "queue-ends/webhook"  # noqa: S105 - likewise
SLOW = 0.4
"""Seconds for which a slow destination lets its caller wait."""

REFUSED = {"crm": "actions: ConnectionError", "webhook": "webhook: the connection was refused"}
"""What the worker logs when it met that."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the plan; return the exit status."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--events", type=int, default=5000, help="distinct ends")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plans the same faults")
    options = parser.parse_args(arguments)
    if options.events < 100:
        parser.error("EVENTS must be 100 or more: with fewer not every fault finds its call")
    return run(full(options.seed, options.events))


def run(plan: Plan) -> int:
    """Run a plan on a world of its own, and show how it goes; return the exit status."""
    screen = Screen(steps=5)
    try:
        with stopped_by_signals(), ExitStack() as cleanup:
            account = _run(plan, cleanup, screen)
    except KeyboardInterrupt:
        screen.note("Interrupted; everything that was started has been stopped.")
        return 130
    except (DeployFailed, EmulatorFailed) as error:
        screen.note(f"FAILED: {error}")
        return 1
    screen.step("The account")
    screen.note(account.faults())
    screen.note(account.table())
    checks = account.checks()
    screen.note("\n".join(f"{'ok ' if holds else 'NOT'} {what}" for what, holds in checks.items()))
    verdict = "every end accounted for" if all(checks.values()) else "the account does NOT balance"
    print(f"\nSeed {plan.seed}, done in {screen.seconds():.0f} s: {verdict}.")
    return 0 if all(checks.values()) else 1


def _run(plan: Plan, cleanup: ExitStack, screen: Screen) -> Account:
    rng = random.Random(plan.seed)
    screen.step(f"Starting an AWS emulator, stand-ins and faults (seed {plan.seed})")
    world = _start(plan, cleanup, screen, Faults(plan.schedule(rng)))
    deployment = _deploy(plan, world, cleanup)
    bus = cleanup.enter_context(bus_recorder(world.aws, deployment.outputs["EndsBusName"]))

    ends = list(islice(ends_of(plan.seed), plan.events))
    sendings = sorted(sendings_of(plan, rng, ends), key=lambda sending: sending.at)
    screen.step(f"{len(sendings)} messages in {sendings[-1].at:.0f} s, while faults strike")
    account = Account(
        ends=frozenset((event.conversation_id, event.queue_id) for event in ends),
        at_once=round(plan.events * DUPLICATES / 2),
        later=round(plan.events * DUPLICATES / 2),
    )
    account.poison = _send(world, deployment, bus, sendings)
    screen.step("Faults over; what is still under way comes to its end")
    _drain(plan, world, deployment, bus)
    look(world, deployment, bus, account)
    return account


def _start(plan: Plan, cleanup: ExitStack, screen: Screen, faults: Faults) -> World:
    folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="queue-ends-chaos-")))
    customers = cleanup.enter_context(crm())
    webhook = cleanup.enter_context(webhook_receiver())
    proxy = FaultProxy(faults, lambda pid: descends_from(pid, os.getpid()))
    front = cleanup.enter_context(HttpServer(proxy.answer))
    # Functions inherit these; the emulator's own calls, and ours, go past the proxy.
    through_proxy = {
        f"AWS_ENDPOINT_URL_{service}": front.url for service in ("DYNAMODB", "EVENTBRIDGE", "SQS")
    }
    aws = cleanup.enter_context(
        emulator(env={"QUEUE_ENDS_CRM_URL": customers.url, **through_proxy})
    )
    cleanup.callback(ignore_signals)
    proxy.upstream = aws.endpoint
    project = Project(aws, folder, actions=ACTION, progress=screen.progress)
    world = World(aws, project, customers, webhook, faults, proxy, screen)
    customers.server.before = lambda request: _trouble_at_crm(world, request)
    webhook.server.before = lambda request: _trouble_at_webhook(faults)
    return world


def _deploy(plan: Plan, world: World, cleanup: ExitStack) -> Deployment:
    world.screen.step("cdk bootstrap and cdk deploy, with the stock CLI")
    genesys = cleanup.enter_context(GenesysCloud(sqs_sender(world.aws)))
    genesys.subscriptions.activation_seconds = 0
    credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
    secrets = world.aws.client("secretsmanager")
    secrets.create_secret(Name=SECRET, SecretString=json.dumps(credentials))
    secrets.create_secret(Name=WEBHOOK_SECRET, SecretString=world.webhook.secret)
    world.project.bootstrap()
    deployment = world.project.deploy(
        STAGE,
        queue_ids=OURS,
        genesys_login_url=genesys.url,
        genesys_api_url=genesys.url,
        genesys_secret=SECRET,
        destinations=["actions", "bus", "webhook"],
        webhook_url=world.webhook.url,
        webhook_secret=WEBHOOK_SECRET,
        worker_timeout_seconds=plan.worker_timeout,
        retry_delay_seconds=1,
        # So many that no fault of ours uses them up.
        max_receive_count=50,
        max_concurrency=2,
    )
    world.screen.settle()
    if plan.visibility is not None:
        world.aws.client("sqs").set_queue_attributes(
            QueueUrl=deployment.outputs["QueueUrl"],
            Attributes={"VisibilityTimeout": str(plan.visibility)},
        )
    return deployment


def _trouble_at_crm(world: World, request: Request) -> Answer | None:
    kind = world.faults.strike("crm")
    if kind == "hangs":
        world.proxy.deaths.append(Death(int(request.headers["X-Pid"]), HUNG))
        return Answer(418)
    return _trouble(kind)


def _trouble_at_webhook(faults: Faults) -> Answer | None:
    # Without an end that fails, those faults would wait in vain.
    return _trouble(
        faults.strike("webhook") or ("refused" if faults.waits_at(OF_FAILED_ENDS) else None)
    )


def _trouble(kind: str | None) -> Answer | None:
    if kind == "slow":
        time.sleep(SLOW)
    return Answer(503) if kind in ("refused", "down") else None


def _send(
    world: World, deployment: Deployment, bus: BusRecorder, sendings: Sequence[Sending]
) -> dict[str, tuple[str, str]]:
    """Send all messages, each at its time; return the reason and body of poison, by message id."""
    sqs, queue_url = world.aws.client("sqs"), deployment.outputs["QueueUrl"]
    poison: dict[str, tuple[str, str]] = {}
    waiting, began = list(reversed(sendings)), time.monotonic()
    world.faults.begin()
    while waiting:
        now = time.monotonic() - began
        due: list[Sending] = []
        while waiting and waiting[-1].at <= now and len(due) < BATCH:
            due.append(waiting.pop())
        if due:
            entries = [{"Id": str(n), "MessageBody": one.body} for n, one in enumerate(due)]
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
            for sent in answer["Successful"]:
                one = due[int(sent["Id"])]
                if one.poison:
                    poison[sent["MessageId"]] = one.poison, one.body
        if len(due) < BATCH:
            _tend(world, bus)
            _show(world, len(sendings) - len(waiting), len(sendings))
            time.sleep(0.1)
    return poison


def _drain(plan: Plan, world: World, deployment: Deployment, bus: BusRecorder) -> None:
    """Wait until the intake queue is empty."""
    for _ in looks(plan.patience, every=0.3):
        if not messages_in(world.aws, deployment):
            break
        _tend(world, bus)
        _show(world, 0, 0)
    world.screen.settle()


def _tend(world: World, bus: BusRecorder) -> None:
    """Shut or open what its time has come for, and take what has arrived at the bus."""
    for place, server in (("crm", world.customers.server), ("webhook", world.webhook.server)):
        if world.faults.lasts(f"listener of {place}"):
            server.shut()
        elif not server.is_open and REFUSED[place] in printed(world.aws):
            server.open()
    bus.collect()


def _show(world: World, sent: int, messages: int) -> None:
    progress = f"sent {sent}/{messages}, " if messages else ""
    world.screen.progress(
        f"{progress}faults {world.faults.struck.total()}, killed {len(world.proxy.deaths)}, in the"
        f" CRM {len(world.customers.noted)}, at the webhook {len(world.webhook.noted)}"
    )
