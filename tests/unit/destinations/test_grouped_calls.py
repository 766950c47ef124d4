"""Each end gets its own receipt, however a service with several entries in a call fails."""

import dataclasses
import itertools
import json
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from hypothesis import given
from hypothesis import strategies as st

from conversations.end import ConversationEnd
from deadline import Deadline
from destinations import archive, bus
from destinations.archive import Archive
from destinations.bus import Bus
from destinations.destination import Destination, Receipt, ReceiptKind
from destinations.grouped_calls import CallLimits, send_in_groups
from side_by_side import run_in_turn
from tests.bodies import CANARY
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.firehose import STREAM, FakeFirehose
from tests.fakes.aws.many_entries import ENTRY_ERROR, Entry, ManyEntries
from tests.fakes.clock import Clock
from tests.fakes.ends import large_end, make_end

URL = "https://service.example"


@dataclasses.dataclass(frozen=True)
class Case:
    """A destination, the service behind it, the service's limits, and the form of its entries."""

    destination: Destination
    service: ManyEntries
    limits: CallLimits
    entry_json: Callable[[Entry], str]

    def deliver(self, ends: Sequence[ConversationEnd], seconds: float = 60) -> list[Receipt]:
        """Deliver ends with a deadline in `seconds`; return the receipts."""
        return list(self.destination.deliver(ends, Clock().deadline(seconds)))

    def arrived_ids(self) -> list[str]:
        """Return the conversation ids of the ends that the service accepted, in order."""
        taken = [json.loads(self.entry_json(entry)) for entry in self.service.taken]
        return [end["conversation_id"] for end in taken]


def _make_bus() -> Case:
    eventbridge = FakeEventBridge()
    return Case(Bus(eventbridge, BUS), eventbridge, bus.LIMITS, lambda entry: entry["Detail"])  # type: ignore[arg-type]


def _make_archive() -> Case:
    firehose = FakeFirehose()
    destination = Archive(firehose, STREAM)  # type: ignore[arg-type]
    return Case(destination, firehose, archive.LIMITS, lambda entry: entry["Data"].decode())


@pytest.fixture(params=[_make_bus, _make_archive], ids=["bus", "archive"])
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    case: Case = request.param()
    yield case
    assert case.service.refused == []
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def make_ends(count: int, name: str = "") -> list[ConversationEnd]:
    return [make_end(f"c-{number}", name=name) for number in range(count)]


def by_position(receipts: Sequence[Receipt]) -> dict[int, tuple[ReceiptKind, str]]:
    """Return each receipt's kind and detail by position; check that no position occurs twice."""
    results = {receipt.position: (receipt.kind, receipt.detail) for receipt in receipts}
    assert len(results) == len(receipts)
    return results


def test_without_ends_no_call_is_made(case: Case) -> None:
    assert case.deliver([]) == []
    assert case.service.calls == []


def test_every_end_arrives_once_as_its_json(case: Case) -> None:
    ends = make_ends(2 * case.limits.max_entries + 3, CANARY + "é😀\n")
    assert by_position(case.deliver(ends)) == dict.fromkeys(range(len(ends)), ("arrived", ""))
    assert [case.entry_json(entry).strip().encode() for entry in case.service.taken] == [
        end.as_json() for end in ends
    ]


def test_a_call_s_receipts_are_yielded_before_the_next_call(case: Case) -> None:
    count = case.limits.max_entries + 1
    receipts = case.destination.deliver(make_ends(count), Clock().deadline(60))
    for position in range(count):
        assert next(receipts) == Receipt(position, "arrived")
        assert len(case.service.calls) == 1 + position // case.limits.max_entries
    assert next(receipts, None) is None


def test_an_entry_that_fails_does_not_affect_the_others(case: Case) -> None:
    case.service.script([1, 4])
    receipts = by_position(case.deliver(make_ends(6)))
    assert {p for p, (kind, _) in receipts.items() if kind == "arrived"} == {0, 2, 3, 5}
    assert receipts[1] == receipts[4] == ("failed", ENTRY_ERROR)
    assert case.arrived_ids() == ["c-0", "c-2", "c-3", "c-5"]
    assert len(case.service.calls) == 1


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        ("AccessDeniedException", 1),
        ("ResourceNotFoundException", 1),
        (NoCredentialsError(), 1),
        (ReadTimeoutError(endpoint_url=URL), 1),
        (TimeoutError(CANARY), 1),
        ("ThrottlingException", 3),
        ("ServiceUnavailableException", 3),
        ("InternalException", 3),
        (EndpointConnectionError(endpoint_url=URL), 3),
        (ConnectTimeoutError(endpoint_url=URL), 3),
        (ConnectionClosedError(endpoint_url=URL), 3),
    ],
    ids=repr,
)
def test_a_failing_call_fails_its_ends_after_as_many_attempts_as_may_help(
    case: Case, error: Exception | str, attempts: int
) -> None:
    fault = case.service.error(error) if isinstance(error, str) else error
    case.service.script(*[fault] * attempts)
    ends = make_ends(case.limits.max_entries + 2)
    receipts = by_position(case.deliver(ends))
    code = error if isinstance(error, str) else type(error).__name__
    failed = dict.fromkeys(range(case.limits.max_entries), ("failed", code))
    assert receipts == failed | dict.fromkeys(range(len(failed), len(ends)), ("arrived", ""))
    assert len(case.service.calls) == attempts + 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_call_with_an_overload_status_is_retried_whatever_the_code(
    case: Case, status: int
) -> None:
    case.service.script(
        case.service.error("Unknown1", status), case.service.error("Unknown2", status)
    )
    assert by_position(case.deliver(make_ends(2))) == dict.fromkeys(range(2), ("arrived", ""))
    assert case.arrived_ids() == ["c-0", "c-1"]


def test_pauses_before_a_retry_are_short_and_within_the_deadline(case: Case) -> None:
    clock = Clock()
    case.service.always(case.service.error("ThrottlingException"))
    receipts = list(case.destination.deliver(make_ends(3), clock.deadline(0.2)))
    assert by_position(receipts) == dict.fromkeys(range(3), ("failed", "ThrottlingException"))
    assert 0 < clock.now < 0.2
    assert len(case.service.calls) == 2


@pytest.mark.parametrize("invalid", [{0}, {5}, {2, 3}, set(range(10))], ids=str)
def test_a_refused_call_delivers_every_entry_except_the_invalid_ones(
    case: Case, invalid: set[int]
) -> None:
    def refuse(entries: Sequence[Entry]) -> None:
        if any(f'"c-{n}"' in case.entry_json(entry) for n in invalid for entry in entries):
            raise case.service.error("ValidationException")

    case.service.before = refuse
    receipts = by_position(case.deliver(make_ends(10)))
    code = "ValidationException"
    assert receipts == {n: ("failed", code) if n in invalid else ("arrived", "") for n in range(10)}
    assert case.arrived_ids() == [f"c-{n}" for n in range(10) if n not in invalid]


def test_the_parts_of_a_refused_call_are_not_sent_after_the_deadline(case: Case) -> None:
    clock = Clock()

    def refuse(_entries: Sequence[Entry]) -> None:
        clock.sleep(4)
        raise case.service.error("ValidationException")

    case.service.before = refuse
    assert list(case.destination.deliver(make_ends(8), clock.deadline(6))) == []
    assert [len(entries) for entries in case.service.calls] == [8, 4]


@pytest.mark.parametrize(
    "code",
    [
        *("AccessDeniedException", "InternalFailure", "InvalidAccountIdException"),
        *("InvalidArgument", "NotAuthorizedForDetailTypeException"),
        *("NotAuthorizedForSourceException", "RedactionFailure", "ServiceUnavailableException"),
        *("ThrottlingException", "Unknown"),
    ],
)
def test_an_entry_that_a_retry_or_an_operator_can_mend_has_failed(case: Case, code: str) -> None:
    case.service.script({1: code})
    assert by_position(case.deliver(make_ends(3))) == {
        0: ("arrived", ""),
        1: ("failed", code),
        2: ("arrived", ""),
    }
    assert len(case.service.calls) == 1


def test_a_malformed_entry_is_refused_at_once(case: Case) -> None:
    case.service.script({1: "MalformedDetail"})
    assert by_position(case.deliver(make_ends(3))) == {
        0: ("arrived", ""),
        1: ("refused", "MalformedDetail"),
        2: ("arrived", ""),
    }
    assert len(case.service.calls) == 1


def test_entries_that_are_too_large_are_sent_once_more_without_raw(case: Case) -> None:
    code = "RequestEntityTooLargeException"
    case.service.script(dict.fromkeys((1, 2, 4), code), {1: code, 2: "ThrottlingException"})
    assert by_position(case.deliver(make_ends(6))) == {
        **dict.fromkeys((0, 1, 3, 5), ("arrived", "")),
        2: ("refused", code),
        4: ("failed", "ThrottlingException"),
    }
    assert [len(entries) for entries in case.service.calls] == [6, 3]
    assert ["raw" in json.loads(case.entry_json(entry)) for entry in case.service.calls[1]] == [
        False
    ] * 3


TOO_LARGE_ERRORS = [
    ("413", 413, ""),
    ("RequestEntityTooLargeException", 413, ""),
    ("ValidationException", 400, "Total size of the entries in the request is over the limit."),
    ("InvalidArgumentException", 400, "Records size exceeds 4 MB limit"),
    (
        "ValidationException",
        400,
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0\n lim=9 cap=9]' at "
        "'records.1.member.data' failed to satisfy constraint: Member must have length less than "
        "or equal to 1024000",
    ),
]


@pytest.mark.parametrize(("code", "status", "text"), TOO_LARGE_ERRORS)
def test_only_the_end_that_makes_a_call_too_large_is_refused(
    case: Case, code: str, status: int, text: str
) -> None:
    def refuse(entries: Sequence[Entry]) -> None:
        if any('"c-2"' in case.entry_json(entry) for entry in entries):
            raise case.service.error(code, status, text)

    case.service.before = refuse
    assert by_position(case.deliver(make_ends(4))) == {
        0: ("arrived", ""),
        1: ("arrived", ""),
        2: ("refused", "TooLarge"),
        3: ("arrived", ""),
    }
    assert sorted(case.arrived_ids()) == ["c-0", "c-1", "c-3"]
    assert [len(entries) for entries in case.service.calls] == [4, 2, 2, 1, 1, 1]


@pytest.mark.parametrize(("code", "status", "text"), TOO_LARGE_ERRORS)
def test_an_end_that_makes_a_call_too_large_only_with_raw_arrives_without_it(
    case: Case, code: str, status: int, text: str
) -> None:
    case.service.script(case.service.error(code, status, text))
    assert case.deliver(make_ends(1)) == [Receipt(0, "arrived")]
    assert "raw" not in json.loads(case.entry_json(case.service.taken[0]))


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("ValidationException", "Value at 'entries.1.member.eventBusName' must have length of 256"),
        ("InvalidArgumentException", "Firehose is not ACTIVE"),
        ("AccessDeniedException", "the size is over the limit"),
    ],
)
def test_a_call_that_fails_for_another_reason_than_its_size_is_not_refused(
    case: Case, code: str, text: str
) -> None:
    case.service.script(case.service.error(code, text=text))
    assert case.deliver(make_ends(1)) == [Receipt(0, "failed", code)]


def test_without_time_to_send_an_end_without_raw_it_gets_no_receipt(case: Case) -> None:
    clock = Clock()

    def refuse(_entries: Sequence[Entry]) -> None:
        clock.sleep(7)
        raise case.service.error("413", 413)

    case.service.before = refuse
    assert list(case.destination.deliver(make_ends(1), clock.deadline(6))) == []
    assert len(case.service.calls) == 1


def test_an_end_that_is_too_large_is_sent_without_raw(case: Case) -> None:
    ends = [make_end("c-0"), large_end("c-1", case.limits.max_entry_bytes), make_end("c-2")]
    assert by_position(case.deliver(ends)) == dict.fromkeys(range(3), ("arrived", ""))
    sent = [json.loads(case.entry_json(entry)) for entry in case.service.taken]
    assert ["raw" in end for end in sent] == [True, False, True]
    assert sent[1]["conversation_id"] == "c-1"


def test_an_end_that_is_too_large_even_without_raw_is_refused(case: Case) -> None:
    limit = case.limits.max_entry_bytes
    receipts = by_position(
        case.deliver([make_end("c-0"), large_end("c-1", 0, limit), make_end("c-2")])
    )
    assert receipts[0] == receipts[2] == ("arrived", "")
    kind, detail = receipts[1]
    assert kind == "refused"
    assert str(limit) in detail
    assert "xx" not in detail
    assert case.arrived_ids() == ["c-0", "c-2"]


@pytest.fixture(scope="module")
def nested() -> list[Any]:
    """Lists in lists, nested more deeply than any version of Python can encode as JSON."""
    nested: list[Any] = []
    for _ in range(200_000):
        nested = [nested]
    return nested


def test_an_end_that_cannot_be_encoded_is_refused(case: Case, nested: list[Any]) -> None:
    deep_raw = dataclasses.replace(make_end("c-0"), raw={"deep": nested})
    deep = dataclasses.replace(make_end("c-1"), participants=nested)
    receipts = by_position(case.deliver([deep_raw, deep, make_end("c-2")]))
    assert receipts == {
        0: ("arrived", ""),
        1: ("refused", "nested too deeply to be written as JSON"),
        2: ("arrived", ""),
    }
    assert "raw" not in json.loads(case.entry_json(case.service.taken[0]))


def test_an_end_that_just_fits_keeps_raw_and_the_next_larger_one_does_not(case: Case) -> None:
    max_json_bytes = case.limits.max_entry_bytes - case.limits.overhead_bytes
    smallest = len(large_end("c-0", 0).as_json())
    for excess in (0, 1):
        assert by_position(
            case.deliver([large_end("c-0", max_json_bytes - smallest + excess)])
        ) == {0: ("arrived", "")}
    sent = [json.loads(case.entry_json(entry)) for entry in case.service.taken]
    assert ["raw" in end for end in sent] == [True, False]


@given(st.lists(st.sampled_from([1000, 2000, 3000, 5000, 8000]), max_size=15))
def test_calls_are_as_full_as_the_limits_allow(sizes: list[int]) -> None:
    limits = CallLimits(
        service="EventBridge",
        max_entries=4,
        max_call_bytes=9000,
        max_entry_bytes=8000,
        overhead_bytes=100,
    )
    empty = len(large_end("c-00", 0).as_json()) + limits.overhead_bytes
    ends = [large_end(f"c-{number:02}", size - empty) for number, size in enumerate(sizes)]
    calls: list[list[bytes]] = []

    def take(bodies: list[bytes], _: Deadline) -> list[str]:
        calls.append(bodies)
        return [""] * len(bodies)

    receipts = send_in_groups(
        ends,
        Clock().deadline(60),
        limits=limits,
        make_entry=lambda _, body: body,
        send=take,
        run=run_in_turn,
    )
    assert list(receipts) == [Receipt(position, "arrived") for position in range(len(ends))]
    assert [*itertools.chain(*calls)] == [end.as_json() for end in ends]
    sizes_by_call = [[len(body) + limits.overhead_bytes for body in bodies] for bodies in calls]
    assert [*itertools.chain(*sizes_by_call)] == sizes
    assert all(len(call) <= limits.max_entries for call in sizes_by_call)
    assert all(sum(call) <= limits.max_call_bytes for call in sizes_by_call)
    for full, following in itertools.pairwise(sizes_by_call):
        assert len(full) == limits.max_entries or sum(full) + following[0] > limits.max_call_bytes


def test_after_the_deadline_no_call_is_made(case: Case) -> None:
    too_large = large_end("c", 0, case.limits.max_entry_bytes)
    assert case.deliver([*make_ends(3), too_large], seconds=0) == []
    assert case.deliver([too_large], seconds=0) == []
    assert case.service.calls == []


def test_ends_without_time_get_no_receipt(case: Case) -> None:
    clock = Clock()
    case.service.before = lambda _: clock.sleep(4)
    count = case.limits.max_entries
    receipts = list(case.destination.deliver(make_ends(3 * count), clock.deadline(6)))
    assert by_position(receipts) == dict.fromkeys(range(2 * count), ("arrived", ""))
    assert len(case.service.calls) == 2


@pytest.mark.parametrize(("left", "limit"), [(900, 10), (5, 5)])
def test_each_attempt_at_a_call_may_take_ten_seconds_or_the_time_left(
    case: Case, time_limits: list[float], left: float, limit: float
) -> None:
    case.service.always(case.service.error("ThrottlingException"))
    case.deliver(make_ends(1), left)
    assert time_limits == pytest.approx([limit] * 3, abs=0.6)
    assert all(seconds <= limit for seconds in time_limits)


def test_a_call_that_hangs_is_interrupted_at_the_deadline(case: Case) -> None:
    case.service.always(lambda: time.sleep(60))
    receipts = by_position(case.deliver(make_ends(2), seconds=0.05))
    assert receipts == dict.fromkeys(range(2), ("failed", "TimeoutError"))


def test_a_response_with_too_few_codes_fails_every_end(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(case.service, "take", lambda *_: [""])
    receipts = by_position(case.deliver(make_ends(2)))
    assert receipts == dict.fromkeys(
        range(2), ("failed", "the response does not report on each entry")
    )


def test_no_detail_quotes_an_end_or_an_error_s_message(case: Case) -> None:
    errors = ["AccessDeniedException", "ThrottlingException", "ValidationException"]
    for error in errors:
        case.service.always(case.service.error(error))
        for _, detail in by_position(case.deliver(make_ends(2, CANARY))).values():
            assert detail == error
