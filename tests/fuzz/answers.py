"""Mutated answers of Genesys Cloud, in JSON so that a case can be run again."""

import functools
import gzip
import io
import json
import re
from collections.abc import Callable
from typing import Any, BinaryIO

from local.http.messages import Answer
from tests.fuzz.mutation import Mutator
from tests.fuzz.transport import Dripping, Endless, RawAnswer, raw_answer

_MIB = 1 << 20
# More than a function may read of one answer.
_HUGE = 256 * _MIB
_STATUSES = [*[200] * 8, 201, 202, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 404, 408, 409]
_STATUSES += [410, 413, 418, 429, 429, 451, 500, 502, 503, 504, 599, 999, 100, 101, 600]
_HEADERS = ["Retry-After", "ININ-Correlation-Id", "Content-Type", "Content-Encoding", "Location"]
_HEADERS += ["Content-Length", "Transfer-Encoding", "Set-Cookie", "Connection", "X-Odd"]
_HEADER_VALUES = ["0", "-1", "5", "1e9", "9" * 400, "Thu, 01 Jan 1970 00:00:00 GMT", "gzip", "br"]
_HEADER_VALUES += ["deflate", "identity, gzip", "chunked", "text/html; charset=utf-7", "nan"]
_HEADER_VALUES += ["inf", "\x9b", "é", ""]
_HEADER_VALUES += ["application/json; charset=utf-16", "https://10.0.0.1/", "x" * 5_000, "a\u202eb"]
_DRIP_SECONDS = 0.6
_IDS: list[Any] = ["../../users/me?x=", "a/b", "..", ".", "", " ", "a b", "%2e%2e", "a?b=c", "#"]
_IDS += [
    "\u202e",
    "\\",
    "\ud83d",
    "é",
    "x" * 6_000,
    "types",
    "a;b",
    "a\nb",
    5,
    None,
    ["a"],
    {"a": 1},
]
_KINDS = ("sent", "lost", "cut", "hung")


def change(mutator: Mutator, *, secret: str) -> dict[str, Any]:
    """Return a change of an answer, which `changed` makes.

    Parameters
    ----------
    secret
        A secret that the answer may quote.
    """
    made: dict[str, Any] = {}
    kind = mutator.random.random()
    if kind < 0.45:
        made["edit"] = mutator.below(1 << 30)
    elif kind < 0.55:
        made["body"] = mutator.encoded(mutator.telling(raw=True))
    elif kind < 0.62:
        made["body"] = json.dumps(
            {"message": f"line\nsecret {secret} \u202e\u009b {'x' * mutator.choice((1, 9_000))}"}
        )
        made["status"] = mutator.choice(_STATUSES)
    elif kind < 0.67:
        made["fate"] = mutator.choice(_KINDS)
    elif kind < 0.68:
        made["huge"] = mutator.choice(("plain", "gzip", "spaces", "list"))
    elif kind < 0.69:
        made["drips"] = True
    elif kind < 0.77:
        made["id"] = mutator.choice(_IDS)
    if not made or mutator.chance(0.3):
        made["status"] = mutator.choice(_STATUSES)
    if mutator.chance(0.15):
        made["headers"] = {
            mutator.choice(_HEADERS): mutator.choice(_HEADER_VALUES)
            for _ in range(1 + mutator.below(2))
        }
    if mutator.chance(0.05):
        made["reason"] = mutator.choice(("", "x" * 3_000, "a\u009bb", secret, "Ümlaut"))
    return made


def changed(
    answer: Answer, made: dict[str, Any], mutator: Mutator, let_pass: Callable[[float], object]
) -> RawAnswer:
    """Return an answer with a change.

    Parameters
    ----------
    mutator
        Makes the edits of the answer's own body: the same for the same change.
    let_pass
        Lets some seconds pass, as an answer does that comes byte by byte.
    """
    raw = raw_answer(answer)
    text = raw.body.read().decode()
    if "edit" in made:
        text = mutator.json_text(text)
    if "id" in made:
        text = re.sub(r'"id": "[^"]*"', lambda _: f'"id": {json.dumps(made["id"])}', text)
    text = made.get("body", text)
    data = text.encode("utf-8", "surrogatepass")
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data))}
    body: BinaryIO = io.BytesIO(data)
    if "huge" in made:
        headers.pop("Content-Length")
        body, encoding = _huge(made["huge"])
        headers |= encoding
    if "drips" in made:
        body = io.BufferedReader(Dripping(data, lambda: let_pass(_DRIP_SECONDS)))
    headers |= made.get("headers", {})
    if made.get("fate") == "cut":
        headers["Content-Length"] = str(len(data) + 10)
    return RawAnswer(
        made.get("status", answer.status),
        headers,
        body,
        made.get("fate", "sent"),
        made.get("reason"),
    )


def _huge(kind: str) -> tuple[BinaryIO, dict[str, str]]:
    match kind:
        case "gzip":
            return io.BytesIO(_bomb()), {"Content-Encoding": "gzip"}
        case "spaces":
            return io.BufferedReader(Endless(_HUGE, b" ")), {}
        case "list":
            return io.BufferedReader(Endless(_HUGE, b'[{"id": 1}, ')), {}
    return io.BufferedReader(Endless(_HUGE)), {"Content-Length": str(_HUGE)}


@functools.cache
def _bomb() -> bytes:
    """Return a small answer that is huge once it is unpacked."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for _ in range(_HUGE // _MIB):
            file.write(b" " * _MIB)
    return packed.getvalue()
