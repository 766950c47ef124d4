"""Cold starts: the imports and the first invocation of each function, in fresh processes."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.machine import pin_to_one_core
from bench.part import Part, Table
from bench.rounds import median_and_minimum, take_turns
from bench.world.events import QUEUE_IDS, Batches
from bench.world.invocation import environment
from infra.packaging import Target, build_asset
from local.http.messages import Answer, Request
from local.http.server import HttpServer

_PROJECT = Path(__file__).resolve().parents[2]
_SCRIPT = _PROJECT / "bench" / "world" / "first_invocation.py"
_ROUNDS = 12
_BARE = "import boto3; boto3.client('dynamodb')"
_POWERTOOLS = """
import boto3
from bench.contenders.powertools import idempotent_batch_processor
handler = idempotent_batch_processor(boto3.client("dynamodb"), boto3.client("events"))
"""
# The answers to a batch of one end.
_ANSWERS: dict[str, Any] = {
    "BatchExecuteStatement": {"Responses": [{}]},
    "PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
    "PutItem": {},
    "UpdateItem": {},
}
_URL = "https://api.mypurecloud.com"
# The resource that the watchdog compares with Genesys Cloud.
_DEPLOYED = {
    "ResourceType": "Custom::GenesysSubscription",
    "ResourceProperties": {
        "Name": "queue-ends-dev",
        "Description": "Made by Queue Ends",
        "EventTypes": ["event:conversation:end"],
        "AttributeFilter": f"queueId = '{QUEUE_IDS[0]}'",
        "QueueArn": "arn:aws:sqs:eu-central-1:123456789012:queue-ends-dev-intake",
        "Region": "eu-central-1",
        "SecretName": "queue-ends/genesys",
        "LoginUrl": _URL,
        "ApiUrl": _URL,
    },
}


@dataclass(frozen=True, slots=True)
class _Start:
    """The start of a function.

    Attributes
    ----------
    code
        The statements that import the function.
    folder
        The folder to import from.
    is_invoked
        Whether the function is invoked, too.
    """

    code: str
    folder: Path = _PROJECT / "functions"
    is_invoked: bool = False


def measure() -> dict[str, Any]:
    """Return the milliseconds of each start, and the sizes of the assets."""
    folders = {
        kind: build_asset(_PROJECT / "functions", Target(kind), _PROJECT / "build").folder
        for kind in ("host", "lambda")
    }
    worker, provisioner, watchdog = (
        f"from {function}.handler import handler"
        for function in ("worker", "provisioner", "watchdog")
    )
    starts = {
        "boto3.client('dynamodb') alone": _Start(_BARE),
        "(b) Powertools batch + idempotency": _Start(_POWERTOOLS, _PROJECT, is_invoked=True),
        "worker, from source": _Start(worker, is_invoked=True),
        "worker, from the asset": _Start(worker, folders["host"], is_invoked=True),
        "provisioner, from the asset": _Start(provisioner, folders["host"]),
        "watchdog, from the asset": _Start(watchdog, folders["host"]),
    }
    with tempfile.TemporaryDirectory() as folder, HttpServer(_answer) as aws:
        event_file = Path(folder) / "event.json"
        event_file.write_text(json.dumps(Batches().make(1)), encoding="utf-8")
        # The server's thread keeps both cores.
        pin_to_one_core()
        seconds = take_turns(
            {name: partial(_run, start, event_file, aws.url) for name, start in starts.items()},
            rounds=_ROUNDS,
        )
    return {
        "rounds": _ROUNDS,
        "milliseconds": {
            name: {
                "import": _times([turn["import"] for turn in turns]),
                **(
                    {"first invocation": _times([turn["first invocation"] for turn in turns])}
                    if starts[name].is_invoked
                    else {}
                ),
                "total": _times(
                    [
                        {clock: sum(stage[clock] for stage in turn.values()) for clock in _CLOCKS}
                        for turn in turns
                    ]
                ),
            }
            for name, turns in seconds.items()
        },
        "assets": {
            kind: {
                "megabytes": _megabytes(folder),
                "compiled_files": sum(1 for _ in folder.rglob("*.pyc")),
            }
            for kind, folder in folders.items()
        },
    }


_Seconds = dict[str, dict[str, float]]
"""The seconds of each stage, by the clock."""
_CLOCKS = ("cpu", "wall")


def _answer(request: Request) -> Answer:
    operation = request.headers["X-Amz-Target"].rpartition(".")[2]
    return Answer(200, _ANSWERS[operation])


def _run(start: _Start, event_file: Path, aws_url: str) -> _Seconds:
    """Start a function in a fresh process, and return the seconds of its stages."""
    command = [sys.executable, str(_SCRIPT), str(start.folder), start.code]
    if start.is_invoked:
        command.append(str(event_file))
    variables = {
        **os.environ,
        **environment("actions,bus", ",".join(QUEUE_IDS)),
        "DEPLOYED": json.dumps(_DEPLOYED),
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
    }
    # The warm-up compiles sources. An asset stays as it is deployed.
    is_asset = _PROJECT / "build" in start.folder.parents
    variables["PYTHONDONTWRITEBYTECODE"] = "1" if is_asset else ""
    result = subprocess.run(
        command, env=variables, capture_output=True, text=True, check=False, cwd=start.folder
    )
    if result.returncode:
        raise RuntimeError(f"A function did not start.\n{result.stderr}")
    seconds: _Seconds = json.loads(result.stderr.splitlines()[-1])
    return seconds


def _times(seconds: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        clock: median_and_minimum([turn[clock] * 1000 for turn in seconds]) for clock in _CLOCKS
    }


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def tables(results: dict[str, Any]) -> list[Table]:
    """Return a table of the starts, and one of the assets."""
    times = results["milliseconds"]
    bare = next(iter(times.values()))["total"]
    return [
        Table(
            f"Cold starts: fresh processes, {results['rounds']} rounds, milliseconds",
            (
                "start",
                "import CPU",
                "invocation CPU",
                "total CPU",
                "min",
                "× boto3",
                "total wall",
                "min",
                "× boto3",
            ),
            [
                (
                    name,
                    of["import"]["cpu"]["median"],
                    of["first invocation"]["cpu"]["median"] if "first invocation" in of else "-",
                    of["total"]["cpu"]["median"],
                    of["total"]["cpu"]["min"],
                    of["total"]["cpu"]["median"] / bare["cpu"]["median"],
                    of["total"]["wall"]["median"],
                    of["total"]["wall"]["min"],
                    of["total"]["wall"]["median"] / bare["wall"]["median"],
                )
                for name, of in times.items()
            ],
            "The interpreter's own start is not in these times. A server on loopback answers the "
            "first invocation's calls. All code but the asset's is compiled before.",
        ),
        Table(
            "Assets, unpacked",
            ("packed for", "MB", "compiled files"),
            [
                (kind, asset["megabytes"], asset["compiled_files"])
                for kind, asset in results["assets"].items()
            ],
        ),
    ]


PART = Part("cold_start", measure, tables)
