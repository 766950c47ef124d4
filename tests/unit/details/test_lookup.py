"""The lookup's requests: how many ids each has, and what becomes of each failure."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger
from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from deadline import Deadline
from details.lookup import MAX_IDS, MAX_PAUSE_SECONDS, PAUSE_SECONDS, ConversationLookup
from genesys.analytics import PATH
from genesys.client import LOGIN_PATH
from genesys.errors import AnswerTooLong, CredentialsError, GenesysError, LoginRefused, Unreachable
from tests.canaries import CLIENT_SECRET, TOKEN
from tests.fakes.aws.dynamodb import client_error
from tests.fakes.clock import Alarm, Clock

Fault = BaseException | Callable[[Sequence[str]], Any]

REFUSAL = GenesysError("GET", PATH, status=400, message="not so many")


def id_of(number: int) -> str:
    return f"0f8fad5b-d9cb-469f-a165-{number:012}"


IDS = [id_of(number) for number in range(1000)]


def refusal(status: int = 400) -> GenesysError:
    return GenesysError("GET", PATH, status=status, message="refused")


class FakeAnalytics:
    """Analytics that have every conversation, and refuse requests as Genesys Cloud might.

    Attributes
    ----------
    max_ids, too_many
        The most ids in a request that is accepted, and the status of the refusal of more.
    bad_ids
        Ids that are refused, with the status of the refusal.
    faults
        What the next requests meet: an error, or a function that returns the answer.
    asked
        The ids of each request.
    """

    def __init__(self) -> None:
        self.max_ids = 10**6
        self.too_many = 413
        self.bad_ids: dict[str, int] = {}
        self.faults: list[Fault | None] = []
        self.asked: list[list[str]] = []

    @property
    def sizes(self) -> list[int]:
        return [len(ids) for ids in self.asked]

    def fetch_conversations(self, conversation_ids: Sequence[str], deadline: Deadline) -> list[Any]:
        assert deadline.left() > 0
        self.asked.append([*conversation_ids])
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, BaseException):
            raise fault
        if fault is not None:
            return list(fault(conversation_ids))
        if len(conversation_ids) > self.max_ids:
            raise refusal(self.too_many)
        for id_ in conversation_ids:
            if id_ in self.bad_ids:
                raise refusal(self.bad_ids[id_])
        return [{"conversationId": id_} for id_ in conversation_ids]


class FakeSlots:
    """Request slots that are there at once.

    Attributes
    ----------
    left
        How many slots there are before the deadline.
    error
        The error that every call raises.
    taken
        The seconds that were left when each slot was taken.
    pauses
        The pauses that were asked for.
    """

    def __init__(self) -> None:
        self.left = 10**6
        self.error: Exception | None = None
        self.pause_error: Exception | None = None
        self.taken: list[float] = []
        self.pauses: list[float] = []

    def take(self, deadline: Deadline) -> bool:
        if self.error:
            raise self.error
        if len(self.taken) >= self.left:
            return False
        self.taken.append(deadline.left())
        return True

    def pause(self, seconds: float, deadline: Deadline) -> None:
        assert deadline.left() > 0
        if self.pause_error:
            raise self.pause_error
        self.pauses.append(seconds)


class Org:
    """A lookup with its fakes and its log."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.analytics = FakeAnalytics()
        self.slots = FakeSlots()
        self._log = io.StringIO()
        # Loggers with the same name share a stream.
        logger = Logger(service=uuid4().hex, stream=self._log, level="INFO")
        self.lookup = ConversationLookup(self.analytics, self.slots, logger)

    def warnings(self) -> list[dict[str, Any]]:
        """Return the lines of the log, all of which must be warnings."""
        lines = [json.loads(line) for line in self._log.getvalue().splitlines()]
        assert all(line["level"] == "WARNING" for line in lines)
        return lines

    def find(self, ids: Sequence[str], seconds: float = 10) -> list[str]:
        """Return the ids that are found, in order."""
        found = self.lookup.find(ids, self.clock.deadline(seconds))
        assert all(id_ == one.conversation_id for id_, one in found.items())
        return [*found]


@pytest.fixture(autouse=True)
def alarm(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Alarm:
    return Alarm(clock, monkeypatch)


@pytest.fixture
def org(clock: Clock) -> Org:
    return Org(clock)


def test_each_request_has_fifty_ids_and_a_slot(org: Org) -> None:
    assert org.find(IDS[:120]) == IDS[:120]
    assert org.analytics.sizes == [50, 50, 20]
    assert len(org.slots.taken) == 3
    assert org.slots.taken == pytest.approx([9.7] * 3), "0.3 s are left for the request"
    assert org.warnings() == []


def test_without_ids_there_is_no_request(org: Org) -> None:
    assert org.find([]) == []
    assert org.slots.taken == []


def test_an_id_is_requested_once(org: Org) -> None:
    assert org.find([IDS[1], IDS[0], IDS[1], IDS[1]]) == [IDS[1], IDS[0]]
    assert org.analytics.asked == [[IDS[1], IDS[0]]]


@pytest.mark.parametrize(
    "odd",
    [
        *("", "c-1", "a,b", "é" * 36, "0f8fad5bd9cb469fa16570867728950e"),
        *(f"{IDS[0]}\n", f" {IDS[0]}", IDS[0][:-1], f"{IDS[0]},{IDS[1]}", f"{IDS[0]}&id=x"),
        IDS[0].replace("0", "\u0660"),
    ],
)
def test_an_id_that_is_no_uuid_is_not_requested(org: Org, odd: str) -> None:
    assert org.find([odd]) == []
    assert org.find([odd, IDS[0]]) == [IDS[0]]
    assert org.analytics.asked == [[IDS[0]]]
    assert org.warnings() == []


@pytest.mark.parametrize("status", [400, 413])
def test_too_many_ids_are_halved_and_the_number_is_remembered(org: Org, status: int) -> None:
    org.analytics.max_ids, org.analytics.too_many = 20, status
    assert org.find(IDS[:150]) == IDS[:150]
    first = [50, 25, 13, 12, 13, 12]
    assert org.analytics.sizes == [*first, *[13] * 7, 9]
    org.analytics.asked.clear()
    assert org.find(IDS[:26]) == IDS[:26]
    assert org.analytics.sizes == [13, 13]
    assert org.slots.pauses == []
    assert org.warnings() == []


def test_an_org_that_takes_a_single_id_gets_single_ids(org: Org) -> None:
    org.analytics.max_ids = 1
    assert org.find(IDS[:50]) == IDS[:50]
    org.analytics.asked.clear()
    org.find(IDS[:3])
    assert org.analytics.sizes == [1, 1, 1]


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize("position", [0, 1, 23, 24, 25, 48, 49])
def test_a_bad_id_is_found_and_all_others_too(org: Org, status: int, position: int) -> None:
    org.analytics.bad_ids = {IDS[position]: status}
    others = [id_ for id_ in IDS[:120] if id_ != IDS[position]]
    assert org.find(IDS[:120]) == others
    assert len(org.analytics.asked) <= 15
    assert org.warnings() == []
    org.analytics.asked.clear()
    assert org.find(IDS[50:150]) == IDS[50:150]
    assert org.analytics.sizes == [50, 50], "the size is not forgotten"


def test_ids_that_appear_after_a_404_do_not_change_the_number(org: Org) -> None:
    org.analytics.faults = [refusal(404)]
    assert org.find(IDS[:100]) == IDS[:100]
    assert org.analytics.sizes == [50, 25, 25, 50]


@given(
    bad=st.dictionaries(st.integers(0, 69), st.sampled_from([400, 404]), max_size=2),
    max_ids=st.sampled_from([1, 7, 25, 10**6]),
)
@settings(max_examples=25)
def test_all_ids_but_the_bad_ones_are_found(bad: dict[int, int], max_ids: int) -> None:
    org = Org(Clock())
    org.analytics.bad_ids = {IDS[number]: status for number, status in bad.items()}
    org.analytics.max_ids = max_ids
    others = [id_ for number, id_ in enumerate(IDS[:70]) if number not in bad]
    assert org.find(IDS[:70]) == others
    assert org.slots.pauses == []
    if max_ids > MAX_IDS:
        org.analytics.asked.clear()
        assert org.find(IDS[100:150])
        assert org.analytics.sizes == [50]


@pytest.mark.parametrize("status", [400, 404, 413])
def test_a_single_id_that_is_refused_is_not_found(org: Org, status: int) -> None:
    org.analytics.bad_ids = {IDS[0]: status}
    assert org.find(IDS[:1]) == []
    assert len(org.analytics.asked) == 1
    assert org.slots.pauses == []
    assert org.warnings() == []


def failing(status: int, seconds: float | None = None) -> GenesysError:
    return GenesysError("GET", PATH, status=status, message="m", retry_after_seconds=seconds)


FAILURES: list[tuple[str, BaseException, float]] = [
    ("403", failing(403), PAUSE_SECONDS),
    ("401", failing(401), PAUSE_SECONDS),
    ("429 for 30 s", failing(429, 30), 30),
    ("429", failing(429), PAUSE_SECONDS),
    ("429 for no time", failing(429, 0), PAUSE_SECONDS),
    ("429 for a day", failing(429, 86_400), MAX_PAUSE_SECONDS),
    ("500", failing(500), PAUSE_SECONDS),
    ("503 for 12 s", failing(503, 12), 12),
    ("200 without conversations", failing(200), PAUSE_SECONDS),
    ("no answer", Unreachable("GET", PATH, message="timed out"), PAUSE_SECONDS),
    ("timeout", TimeoutError("took longer than 1.0 s"), PAUSE_SECONDS),
    ("credentials", CredentialsError("There is no secret."), PAUSE_SECONDS),
    ("login 400", LoginRefused("POST", LOGIN_PATH, status=400), PAUSE_SECONDS),
    ("login 401", LoginRefused("POST", LOGIN_PATH, status=401), PAUSE_SECONDS),
    ("login 404", GenesysError("POST", LOGIN_PATH, status=404), PAUSE_SECONDS),
    ("login 413", GenesysError("POST", LOGIN_PATH, status=413), PAUSE_SECONDS),
    ("login 429", GenesysError("POST", LOGIN_PATH, status=429, retry_after_seconds=7), 7),
]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(error, seconds) for _, error, seconds in FAILURES],
    ids=[name for name, _, _ in FAILURES],
)
def test_a_failure_pauses_all_requests_and_stops_the_lookup(
    org: Org, error: BaseException, seconds: float
) -> None:
    org.analytics.faults = [None, error]
    assert org.find(IDS[:150]) == IDS[:50], "the first request's conversations are kept"
    assert org.analytics.sizes == [50, 50]
    assert org.slots.pauses == [seconds]
    [line] = org.warnings()
    assert line["message"] == "Details not requested"
    assert line["reason"] == str(error)


def test_a_failure_of_the_second_half_keeps_the_first_half(org: Org) -> None:
    org.analytics.faults = [refusal(400), None, failing(429, 9)]
    assert org.find(IDS[:100]) == IDS[:25]
    assert org.analytics.sizes == [50, 25, 25]
    assert org.slots.pauses == [9]
    assert len(org.warnings()) == 1
    org.analytics.asked.clear()
    org.find(IDS[:50])
    assert org.analytics.sizes == [50], "it is unknown why the first request was refused"


def test_an_error_that_nobody_expects_stops_the_lookup(org: Org) -> None:
    error = KeyError(CLIENT_SECRET)
    org.analytics.faults = [None, error]
    assert org.find(IDS[:150]) == IDS[:50]
    [line] = org.warnings()
    assert line["reason"].startswith("KeyError at test_lookup.py:")
    assert CLIENT_SECRET not in json.dumps(line)
    assert TOKEN not in json.dumps(line)


def test_a_request_that_hangs_is_interrupted_at_the_deadline(org: Org, alarm: Alarm) -> None:
    def hang(_: object) -> list[Any]:
        alarm.hang()
        return []

    org.analytics.faults = [hang]
    assert org.find(IDS[:100], seconds=3) == []
    assert org.clock.now == pytest.approx(3)
    assert org.slots.pauses == [PAUSE_SECONDS]
    assert len(org.warnings()) == 1


@pytest.mark.parametrize(("seconds", "pauses"), [(1.9, []), (2.0, [PAUSE_SECONDS])])
def test_a_request_with_little_time_that_is_interrupted_pauses_nothing(
    org: Org, alarm: Alarm, seconds: float, pauses: list[float]
) -> None:
    def hang(_: object) -> list[Any]:
        alarm.hang()
        return []

    org.analytics.faults = [hang]
    assert org.find(IDS[:100], seconds) == []
    assert org.analytics.sizes == [50]
    assert org.slots.pauses == pauses
    assert len(org.warnings()) == 1


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (Unreachable("GET", PATH, message="no time was left to send it"), []),
        (Unreachable("POST", LOGIN_PATH, message="timed out"), []),
        (CredentialsError("Secrets Manager could not be asked."), []),
        (failing(429, 30), [30]),
        (failing(503), [PAUSE_SECONDS]),
        (LoginRefused("POST", LOGIN_PATH, status=401), [PAUSE_SECONDS]),
    ],
    ids=["not sent", "login", "credentials", "429", "503", "refused"],
)
def test_with_little_time_only_an_answer_pauses_the_requests(
    org: Org, error: BaseException, pauses: list[float]
) -> None:
    def late(_: object) -> list[Any]:
        org.clock.sleep(1)
        raise error

    org.analytics.faults = [late]
    assert org.find(IDS[:100], seconds=1) == []
    assert org.slots.pauses == pauses
    assert len(org.warnings()) == 1


@pytest.mark.parametrize("seconds", [0.5, 30])
def test_a_connection_that_fails_before_the_deadline_pauses_the_requests(
    org: Org, seconds: float
) -> None:
    org.analytics.faults = [Unreachable("GET", PATH, message="connection refused")]
    assert org.find(IDS[:100], seconds) == []
    assert org.slots.pauses == [PAUSE_SECONDS]


def test_without_a_slot_there_is_no_request(org: Org) -> None:
    org.slots.left = 1
    assert org.find(IDS[:120]) == IDS[:50]
    assert org.analytics.sizes == [50]
    assert org.slots.pauses == []
    [line] = org.warnings()
    assert "slots" in line["reason"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client_error("ThrottlingException"), "ThrottlingException"),
        (client_error("AccessDeniedException"), "AccessDeniedException"),
        (ReadTimeoutError(endpoint_url="(somewhere)"), "ReadTimeoutError"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_if_the_slots_cannot_be_updated_there_is_no_request_and_no_pause(
    org: Org, error: Exception, code: str
) -> None:
    org.slots.error = error
    assert org.find(IDS[:120]) == []
    assert org.analytics.asked == []
    assert org.slots.pauses == []
    [line] = org.warnings()
    assert line["reason"] == f"the request slots cannot be updated: {code}"


def test_if_the_pause_fails_the_lookup_stops_all_the_same(org: Org) -> None:
    org.slots.pause_error = client_error("ThrottlingException")
    org.analytics.faults = [failing(503)]
    assert org.find(IDS[:120]) == []
    assert org.analytics.sizes == [50]
    assert [line["message"] for line in org.warnings()] == [
        "Requests not paused",
        "Details not requested",
    ]


def test_half_of_the_conversations_are_found_if_analytics_have_half(org: Org) -> None:
    org.analytics.faults = [lambda ids: [{"conversationId": id_} for id_ in ids[::2]]]
    assert org.find(IDS[:50]) == IDS[:50:2]
    assert org.analytics.sizes == [50]


def test_a_conversation_that_was_not_requested_is_not_found(org: Org) -> None:
    others = [{"conversationId": id_} for id_ in (IDS[99], "", "é", IDS[1])]
    org.analytics.faults = [lambda _: others]
    assert org.find(IDS[:2]) == [IDS[1]]
    assert org.warnings() == []


@pytest.mark.parametrize(
    "malformed",
    [
        {},
        {"conversationId": None},
        {"conversationId": 5},
        {"conversationId": IDS[0], "participants": "none"},
        {"conversationId": IDS[0], "participants": [None]},
        {"conversationId": IDS[0], "conversationEnd": "yesterday"},
        {"conversationId": IDS[0], "conversationEnd": "2026-11-23T10:00:00"},
        {"conversationId": IDS[0], "conversationStart": 1_795_341_600_000},
        {"conversationId": IDS[0], "\ud800": 1},
        {"conversationId": IDS[0], "originatingDirection": "\ud800"},
        {"conversationId": IDS[0], "participants": [{"sessions": [{"metrics": [{"value": 1.5}]}]}]},
    ],
    ids=range(11),
)
def test_a_malformed_conversation_is_not_found_and_its_neighbours_are(
    org: Org, malformed: dict[str, Any]
) -> None:
    def answer(ids: Sequence[str]) -> list[Any]:
        return [malformed, *({"conversationId": id_} for id_ in ids[1:])]

    org.analytics.faults = [answer]
    assert org.find(IDS[:120]) == IDS[1:120]
    assert org.analytics.sizes == [50, 50, 20]
    assert org.warnings() == []


def test_an_answer_that_is_too_long_is_requested_in_halves(org: Org) -> None:
    too_long = AnswerTooLong("GET", PATH, status=200, message="more than 8,388,608 bytes")
    org.analytics.faults = [too_long, too_long]
    assert org.find(IDS[:50]) == IDS[:50]
    assert org.analytics.sizes == [50, 25, 13, 12, 13, 12]
    assert org.slots.pauses == []


def test_a_conversation_whose_words_are_no_words_is_not_found(org: Org) -> None:
    odd = {"conversationId": IDS[0], "originatingDirection": "x" * 2_000_000}
    org.analytics.faults = [lambda _: [odd]]
    assert org.find(IDS[:1]) == []


def test_the_next_lookup_requests_again_after_a_failure(org: Org) -> None:
    org.analytics.faults = [failing(503)]
    assert org.find(IDS[:50]) == []
    assert org.find(IDS[:50]) == IDS[:50]
