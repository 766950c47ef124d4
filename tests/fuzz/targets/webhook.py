"""The webhook: whatever the receiver answers, each end gets one receipt, by the status alone."""

import itertools
import re
from collections.abc import Sequence
from typing import Any

import pytest

from destinations.webhook_call import REFUSED_STATUSES
from tests.bodies import CANARY
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import SECRET, make_ends, webhook_to
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Case, check, is_clean
from tests.fuzz.webhook_server import Script, WebhookServer

_HEAD = "HTTP/1.1 {} {}\r\n{}\r\n"
_STATUSES = [*[200] * 4, 201, 202, 204, 204, 205, 226, 299, 300, 301, 302, 304, 307, 308, 400, 401]
_STATUSES += [403]
_STATUSES += [404, 405, 408, 409, 410, 413, 422, 425, 429, 431, 451, 500, 501, 502, 503, 504, 505]
_STATUSES += [599]
_STATUSES += [0, 1, 99, 100, 100, 101, 102, 103, 199, 600, 999, 1000, -1]
_HEADERS = ["Content-Length: 2", "Content-Length: 0", "Content-Length: -1"]
_HEADERS += ["Content-Length: 99999999999"]
_HEADERS += ["Content-Length: x", "Content-Length: 1\r\nContent-Length: 2"]
_HEADERS += ["Transfer-Encoding: chunked"]
_HEADERS += ["Connection: close", "Connection: keep-alive", f"Location: http://10.0.0.1/{CANARY}"]
_HEADERS += [f"X-Said: {CANARY}", "X: " + "x" * 70_000, "no colon", " folded: line", "\x00: \x9b"]
_HEADERS += [": "]
_HEADERS += ["X: 1\r\n" * 150, "Content-Encoding: gzip", "Retry-After: soon", "Set-Cookie: a=b"]
_BODIES = ["", "ok", "{}", "2\r\nok\r\n0\r\n\r\n", "fffffffff\r\n", "-1\r\nx", "x" * 30_000, "\r\n"]
_BODIES += [CANARY]
_BODIES += ["HTTP/1.1 200 OK\r\n\r\n", "zz\r\n", "1;ext=" + "x" * 20_000 + "\r\na\r\n0\r\n\r\n"]
# So long does a call wait for an answer that never comes.
_SHORT_SECONDS = 0.2
_MANY_SECONDS = 30.0
_DETAIL = re.compile(
    r"answered -?\d+|no answer within [\d.]+ s\b.*|the connection failed \(\w+\)|"
    r"the connection was refused|the host's .*"
)
_STATUS_LINE = re.compile(rb"HTTP/[^ ]* +(\d{3})(?:\s[^\n]*)?\n")


class WebhookTarget:
    """Deliveries to a receiver that answers with mutated bytes, in pieces, or not at all."""

    inputs_per_case = 2

    def __init__(self, _: pytest.MonkeyPatch) -> None:
        self._server = WebhookServer()
        self._ends = make_ends(self.inputs_per_case)

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        seeds = mutator.choice(kept)["scripts"] if kept and mutator.chance(0.3) else []
        waits = mutator.chance(0.01)
        scripts = []
        for _ in range(self.inputs_per_case):
            text = mutator.choice(seeds)["text"] if seeds else _answer(mutator)
            if mutator.chance(0.5):
                text = mutator.text(text)[:100_000]
            scripts.append(
                {
                    "text": text,
                    "cuts": [mutator.below(len(text) + 1) for _ in range(mutator.below(3))],
                    # An unfinished answer on an open connection keeps the call waiting.
                    "stays_open": waits,
                }
            )
        return {"scripts": scripts}

    def run(self, case: Case) -> str:
        scripts = case["scripts"]
        self._server.received.clear()
        self._server.scripts[:] = [
            Script(_pieces(each), stays_open=each["stays_open"]) for each in scripts
        ]
        waits = any(each["stays_open"] for each in scripts)
        seconds = _SHORT_SECONDS if waits else _MANY_SECONDS
        with webhook_to(self._server.url, call_seconds=seconds) as webhook:
            receipts = list(webhook.deliver(self._ends, Clock().deadline(_MANY_SECONDS)))
        positions = sorted(receipt.position for receipt in receipts)
        check(positions == [*range(len(self._ends))], "not one receipt for each end", positions)
        sent = {int(s) for each in scripts for s in _STATUS_LINE.findall(_bytes(each["text"]))}
        arrived = sum(receipt.kind == "arrived" for receipt in receipts)
        refused = sum(receipt.kind == "refused" for receipt in receipts)
        # A second request on a broken connection is answered with 204.
        asked_again = len(self._server.received) > len(scripts)
        check(
            not arrived or asked_again or any(200 <= status < 300 for status in sent),
            "an end arrived without a status that says so",
            sent,
        )
        check(
            not refused or sent & REFUSED_STATUSES, "an end was refused without such a status", sent
        )
        for receipt in receipts:
            check(_DETAIL.fullmatch(receipt.detail), "an unknown detail", receipt.detail)
            check(is_clean(receipt.detail), "a detail is not clean", ascii(receipt.detail))
        self._check_requests()
        return ",".join(sorted({re.sub(r"\d", "n", f"{r.kind} {r.detail}") for r in receipts}))

    def _check_requests(self) -> None:
        ids = {end.end_id for end in self._ends}
        for head, body in self._server.received:
            text = head.decode("latin-1")
            check(text.startswith("POST /ends HTTP/1.1\r\n"), "another request", text)
            (id_,) = re.findall(r"(?m)^webhook-id: (\S+)", text)
            check(id_ in ids and SECRET not in text and SECRET[6:] not in text, "the request", text)
            check(body.startswith(b'{"type":"conversation.ended"'), "another body", body)


def _answer(mutator: Mutator) -> str:
    headers = "".join(f"{mutator.choice(_HEADERS)}\r\n" for _ in range(mutator.below(4)))
    reason = mutator.choice(["OK", "", CANARY, "é\x9b", "x" * 300])
    head = _HEAD.format(mutator.choice(_STATUSES), reason, headers)
    before = "HTTP/1.1 100 Continue\r\n\r\n" * mutator.choice((0, 0, 0, 0, 1, 3, 300))
    return before + head + mutator.choice(_BODIES)


def _pieces(script: Any) -> list[bytes]:
    data = _bytes(script["text"])
    places = [0, *sorted(min(cut, len(data)) for cut in script["cuts"]), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(places) if a < b]


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")
