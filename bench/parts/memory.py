"""Peak memory of a process that handles one large batch."""

import json
import tempfile
import uuid
from pathlib import Path
from typing import Any

from bench.contenders.process import ContenderProcess
from bench.contenders.setup import CONTENDERS, Setup
from bench.part import Part, Table
from bench.world.events import QUEUE_IDS, Batches

_CONTENDERS = (Setup("ours", "actions,bus"), Setup("idempotent", "actions,bus"))
# See "Lambda quotas" in the AWS documentation: "6 MB each for request and response".
_MAX_PAYLOAD_BYTES = 6 * 1024**2
# The maximum batch size of an event source mapping for SQS.
_MAX_BATCH = 10_000


def measure() -> dict[str, Any]:
    """Return the megabytes of each contender, in a row for each batch."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "payload.json"
        for batch, records in (
            ("usual ends, as many as fit into 6 MB", _as_many_as_fit()),
            ("ends as small as can be", _smallest()),
        ):
            payload = json.dumps({"Records": records}, separators=(",", ":"))
            file.write_text(payload, encoding="utf-8")
            for setup in _CONTENDERS:
                with ContenderProcess(setup) as process:
                    started_mb = process.memory_mb()["rss"]
                    process.turn(file)
                    row = {
                        "contender": setup.contender,
                        "batch": batch,
                        "ends": len(records),
                        "payload_mb": len(payload) / 1e6,
                        "started_mb": started_mb,
                        "peak_mb": process.memory_mb()["peak_rss"],
                    }
                rows.append(row)
    return {"rows": rows}


def _as_many_as_fit() -> list[dict[str, Any]]:
    """Return as many records with ends of the usual size as Lambda accepts in one invocation."""
    fitting = []
    size = len('{"Records":[]}')
    for record in Batches().make(_MAX_BATCH)["Records"]:
        size += len(json.dumps(record, separators=(",", ":"))) + len(",")
        if size > _MAX_PAYLOAD_BYTES:
            break
        fitting.append(record)
    return fitting


def _smallest() -> list[dict[str, Any]]:
    """Return the most records that a batch can have, with the fields that all contenders need."""
    records: list[dict[str, Any]] = Batches().make(_MAX_BATCH)["Records"]
    for record in records:
        attributes = {"conversationId": str(uuid.uuid4()), "queueId": QUEUE_IDS[0]}
        event = {
            "eventType": "event:conversation:end",
            "eventTime": "2026-11-23T10:00:00Z",
            "attributes": attributes,
        }
        record["body"] = json.dumps(event, separators=(",", ":"))
    return records


def tables(results: dict[str, Any]) -> list[Table]:
    """Return a table of all batches."""
    return [
        Table(
            "Memory of one invocation in a fresh process, actions,bus",
            ("batch", "ends", "payload MB", "contender", "started MB", "peak MB"),
            [
                (
                    row["batch"],
                    row["ends"],
                    row["payload_mb"],
                    CONTENDERS[row["contender"]],
                    row["started_mb"],
                    row["peak_mb"],
                )
                for row in results["rows"]
            ],
            "In SQS's envelopes, 10,000 ends are too much for Lambda, however small they are.",
        )
    ]


PART = Part("memory", measure, tables)
