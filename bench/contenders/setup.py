"""The contenders, and the AWS that they work with."""

import os
from dataclasses import dataclass
from typing import Any, Literal

from botocore.config import Config

from bench.world.aws import StubbedAws
from bench.world.events import QUEUE_IDS
from bench.world.invocation import Handler, environment
from bench.world.memory import MemoryAws

LATENCY_SECONDS = {"dynamodb": 0.005, "events": 0.005, "sqs": 0.01}
"""How long each service takes to answer if it is slow, keyed by its name in boto3."""
ContenderName = Literal["ours", "plain", "idempotent", "unchecked", "parsing"]
CONTENDERS: dict[ContenderName, str] = {
    "ours": "Queue Ends",
    "plain": "(a) Powertools batch, no ledger",
    "idempotent": "(b) Powertools batch + idempotency",
    "unchecked": "(b) without botocore's validation",
    "parsing": "(c) Powertools batch + parser, no ledger",
}
"""What the contenders are called in the tables."""


@dataclass(frozen=True, slots=True)
class Setup:
    """A contender, and how it is set up.

    Attributes
    ----------
    destinations
        As in the setting `destinations`, separated by commas.
    aws
        `stubbed`: botocore's clients, whose requests are answered without a network. `slow`: the
        same, and answers take `LATENCY_SECONDS`. `memory`: clients without botocore.
    """

    contender: ContenderName
    destinations: str = "actions"
    aws: Literal["stubbed", "slow", "memory"] = "stubbed"


def make_contender(setup: Setup) -> Handler:
    """Return a contender's handler. A process can have only one, and imports nothing else."""
    os.environ.update(environment(setup.destinations, ",".join(QUEUE_IDS)))
    memory = MemoryAws() if setup.aws == "memory" else None
    StubbedAws(LATENCY_SECONDS if setup.aws == "slow" else {}).attach_to_new_clients()
    match setup.contender:
        case "ours":
            # It changes the garbage collection of the whole process.
            from bench.contenders.worker import load_worker  # noqa: PLC0415

            return load_worker(memory)
        case "plain":
            from bench.contenders.powertools import batch_processor  # noqa: PLC0415

            return batch_processor()
        case "parsing":
            from bench.contenders.parsing import parsing_batch_processor  # noqa: PLC0415

            return parsing_batch_processor()
        case "idempotent" | "unchecked":
            from bench.contenders.powertools import idempotent_batch_processor  # noqa: PLC0415

            checked = setup.contender == "idempotent"
            dynamodb = memory or _peers_client("dynamodb", checked=checked)
            if "bus" not in setup.destinations:
                return idempotent_batch_processor(dynamodb)
            eventbridge = memory or _peers_client("events", checked=checked)
            return idempotent_batch_processor(dynamodb, eventbridge)


def _peers_client(service: Any, *, checked: bool) -> Any:
    """Return a client with the worker's time limits, as any careful user would set them."""
    import boto3  # noqa: PLC0415 - as above

    config = Config(
        connect_timeout=1,
        read_timeout=2,
        retries={"total_max_attempts": 1},
        parameter_validation=checked,
    )
    return boto3.client(service, config=config)
