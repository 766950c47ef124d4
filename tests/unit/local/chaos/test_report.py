"""The report of a chaos run: which ends count as lost, and which repeats are excused."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from local.chaos.calls import Call, CallLog, Death
from local.chaos.details import DetailsAccount
from local.chaos.repeats import ANSWER_LOST, HANGING_ACTION, IN_FLIGHT, MARKED, UNEXPLAINED
from local.chaos.report import LedgerItem, RunReport
from local.chaos.source.account import SourceAccount
from local.runs.queues import DeadLetter

END = ("c-1", "q")
PID = 7
ALL = frozenset({"actions", "bus"})


def claim(holder: str = "h1", *, at: float = 0, error: str = "", pid: int = PID) -> Call:
    text = "INSERT INTO \"T\" VALUE {'conversation_id': ?, 'queue_id': ?, 'claimed_by': ?}"
    return call("claim", text, [*END, holder], at=at, error=error, pid=pid)


def takeover(holder: str, before: str, *, at: float, pid: int = PID) -> Call:
    text = (
        'UPDATE "T" SET "claimed_by"=? SET "lease_until"=? WHERE "conversation_id"=?'
        ' AND "queue_id"=? AND "claimed_by"=? AND "state"=? AND "lease_until" < ?'
    )
    return call("takeover", text, [holder, "9", *END, before, "claimed", "1"], at=at, pid=pid)


def mark(*delivered: str, holder: str = "h1", at: float, error: str = "", pid: int = PID) -> Call:
    text = (
        'UPDATE "T" SET "delivered"=? WHERE "conversation_id"=? AND "queue_id"=? AND "claimed_by"=?'
    )
    return call("mark", text, [delivered, *END, holder], at=at, error=error, pid=pid)


def call(
    place: str, text: str, parameters: list[Any], *, at: float, error: str = "", pid: int = PID
) -> Call:
    """Return a call of one statement, as the proxy records it."""
    statement = {
        "Statement": text,
        "Parameters": [
            {"L": [{"S": name} for name in one]} if isinstance(one, tuple) else {"S": one}
            for one in parameters
        ],
    }
    answer = {"Error": {"Code": error}} if error else {"TableName": "T"}
    return Call(pid, place, {"Statements": [statement]}, at, at, {"Responses": [answer]})


def why(*calls: Call, died: Death | None = None, arrivals: tuple[float, ...] = (5, 50)) -> str:
    """Return the report's reason for a second arrival at `actions`."""
    report = RunReport(
        ends=frozenset({END}),
        arrived={"actions": {END: arrivals}},
        calls=CallLog(calls),
        deaths=[died] if died else [],
    )
    ((destination, reason),) = report.repeats()
    assert destination == "actions"
    return reason


def test_a_second_arrival_is_excused_if_the_process_was_killed_before_the_mark() -> None:
    again = [takeover("h2", "h1", at=40, pid=8), mark("actions", holder="h2", at=51, pid=8)]

    assert why(claim(), *again, died=Death(PID, "mark")) == IN_FLIGHT
    unmarked = mark("actions", at=6, error="ThrottlingError")
    assert why(claim(), unmarked, *again, died=Death(PID, "mark")) == IN_FLIGHT


def test_a_second_arrival_is_unexplained_if_no_process_of_its_claim_was_killed() -> None:
    again = [takeover("h2", "h1", at=40), mark("actions", holder="h2", at=51)]

    assert why(claim(), *again) == UNEXPLAINED
    assert why(claim(), *again, died=Death(PID + 1, "mark")) == UNEXPLAINED
    assert why(died=Death(PID, "mark")) == UNEXPLAINED


def test_a_second_arrival_after_a_mark_is_not_excused_by_a_kill() -> None:
    marked = mark("actions", at=6)

    assert why(claim(), marked, died=Death(PID, "mark", marked.request)) == MARKED


def test_the_death_of_a_later_invocation_of_the_same_process_is_no_excuse() -> None:
    next_claim = takeover("h2", "h1", at=40)

    assert why(claim(), next_claim, died=Death(PID, "mark")) == UNEXPLAINED
    assert why(claim(), died=Death(PID, "takeover", next_claim.request)) == UNEXPLAINED
    assert why(claim(), died=Death(PID, "SendMessageBatch")) == UNEXPLAINED


def test_only_the_death_of_the_invocation_that_held_the_claim_excuses_a_second_arrival() -> None:
    taken = takeover("h2", "h1", at=3, pid=8)

    assert why(claim(), taken, died=Death(8, HANGING_ACTION)) == IN_FLIGHT
    assert why(claim(), taken, died=Death(PID, HANGING_ACTION)) == UNEXPLAINED
    assert why(
        claim(), claim("h2", at=3, error="DuplicateItem", pid=8), died=Death(PID, HANGING_ACTION)
    ) == (IN_FLIGHT)


def test_a_mark_that_is_carried_out_after_its_process_was_killed_hides_no_death() -> None:
    late = mark("bus", holder="h0", at=-5)
    late.done_at = 6
    early = mark("bus", at=4)
    early.done_at = 7

    assert why(claim(), late, early, died=Death(PID, "PutEvents")) == IN_FLIGHT


def test_a_second_arrival_after_a_release_means_that_the_destinations_answer_was_lost() -> None:
    release = mark("bus", at=9)

    assert why(claim(), release) == ANSWER_LOST
    assert why(claim(), mark("bus", at=4)) == UNEXPLAINED


def account(**changes: Any) -> SourceAccount:
    """Return the account of a gap that was healed, and of an end that was recovered."""
    fields: dict[str, Any] = {
        "dropped": 1,
        "lost_while": Counter(deleted=3),
        "healed": Counter(deleted=1),
        "missed": 1,
        "recovered": {"actions": 1, "bus": 1},
        "sent": [1, 0],
        "finished": 2,
    }
    return SourceAccount(**fields | changes)


def balanced(**changes: Any) -> RunReport:
    """Return a balanced report with changes."""
    fields: dict[str, Any] = {
        "ends": frozenset({END}),
        "poison": {"m-1": ("not_json", "{")},
        "arrived": {"actions": {END: [5.0]}, "bus": {END: [6.0]}},
        "end_ids": {"actions": {END: ["id"]}, "bus": {END: ["id"]}},
        "ledger": {END: LedgerItem("done", ALL)},
        "dead_letters": [DeadLetter("m-1", "not_json", "{")],
        "deaths": [Death(PID, HANGING_ACTION)],
        "timeouts": 1,
        "source": account(),
    }
    return RunReport(**fields | changes)


def broken(report: RunReport) -> set[str]:
    return {words for words, holds in report.checks().items() if not holds}


def test_a_complete_account_of_a_chaos_run_balances() -> None:
    assert broken(balanced()) == set()


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"arrived": {"actions": {END: [5.0]}, "bus": {}}}, "every end arrived"),
        ({"arrived": {"actions": {END: [5.0, 9.0]}, "bus": {END: [6.0]}}}, "no end arrived twice"),
        (
            {"arrived": {"actions": {END: [5.0], ("x", "q"): [5.0]}, "bus": {END: [6.0]}}},
            "nothing else arrived",
        ),
        ({"end_ids": {"actions": {END: ["a"]}, "bus": {END: ["b"]}}}, "every end had one id"),
        ({"end_ids": {"actions": {END: ["a"], ("c-2", "q"): ["a"]}}}, "every end had one id"),
        ({"forged": 1}, "every webhook"),
        ({"ledger": {}}, "the ledger has every end"),
        ({"ledger": {END: LedgerItem("claimed", ALL)}}, "the ledger has every end"),
        ({"ledger": {END: LedgerItem("done", frozenset({"bus"}))}}, "the ledger has every end"),
        ({"dead_letters": []}, "the dead-letter queue has"),
        ({"dead_letters": [DeadLetter("m-1", "not_an_object", "{")]}, "the dead-letter queue has"),
        ({"dead_letters": [DeadLetter("m-1", "not_json", "{ ")]}, "the dead-letter queue has"),
        (
            {"dead_letters": [DeadLetter("m-1", "not_json", "{"), DeadLetter("", "", "sound")]},
            "the dead-letter queue has",
        ),
        ({"dead_letters": [DeadLetter("m-1", "not_json", "{")] * 2}, "no reject is there twice"),
        ({"left_in_queue": 1}, "nothing is left"),
        ({"pending": ["throttled mark"]}, "every fault struck"),
        ({"struck": {("killed after", "mark"): 1}}, "every fault that kills"),
        ({"timeouts": 0}, "every hanging action"),
        ({"timeouts": 2}, "every hanging action"),
        ({"source": account(healed=Counter())}, "the watchdog healed"),
        ({"source": account(sent=[0, 0])}, "the backfill found every"),
        ({"source": account(sent=[1, 1])}, "a second backfill"),
        ({"source": account(finished=1)}, "a second backfill"),
        ({"source": account(recovered={"actions": 1, "bus": 0})}, "every end that was missed"),
    ],
)
def test_each_error_in_the_account_breaks_the_one_check_for_it(
    changes: dict[str, Any], check: str
) -> None:
    (found,) = broken(balanced(**changes))
    assert found.startswith(check)


def test_ends_of_re_opened_conversations_are_counted() -> None:
    again = (END[0], f"{END[1]}#2")
    (row,) = (
        line
        for line in balanced(ends=frozenset({END, again})).table().splitlines()
        if "re-opened" in line
    )
    assert row.endswith(" 1")


def test_a_second_reject_has_a_reason_after_a_kill_before_the_delete_or_without_an_answer() -> None:
    source = {"source_message_id": {"StringValue": "m-1"}}
    # The worker may send a message to itself in the same call, as far as the proxy knows.
    entries = [{"MessageAttributes": source}, {"MessageBody": "{}"}]
    send = Call(PID, "SendMessageBatch", {"Entries": entries}, 2, 2, {})
    twice = balanced(
        dead_letters=[DeadLetter("m-1", "not_json", "{")] * 2, calls=CallLog([send]), deaths=[]
    )

    def deleted(at: float) -> Call:
        return Call(PID, "DeleteMessageBatch", {"Entries": []}, at, at, {})

    assert twice.repeated_rejects() == (0, 1)
    twice.deaths = [Death(PID, "mark")]
    assert twice.repeated_rejects() == (1, 0)
    twice.calls = CallLog([deleted(1), send])
    assert twice.repeated_rejects() == (1, 0)
    twice.calls = CallLog([send, deleted(3)])
    assert twice.repeated_rejects() == (0, 1)
    twice.deaths, twice.calls = [], CallLog([dataclasses.replace(send, lost=True)])
    assert twice.repeated_rejects() == (1, 0)
    twice.unanswered_rejects = Counter({"m-1": 1, "m-2": 1})
    assert twice.repeated_rejects() == (1, 0)
    twice.calls = CallLog([send])
    assert twice.repeated_rejects() == (1, 0)


def test_a_second_reject_has_a_reason_if_two_invocations_had_the_message() -> None:
    ids = ["m-0", "m-1", "m-2"]
    entries = [{"MessageAttributes": {"source_message_id": {"StringValue": id_}}} for id_ in ids]

    def reject(pid: int, *, unsent: Sequence[str] = (), gone: Sequence[str] = ()) -> list[Call]:
        not_sent = [{"Id": position} for position in unsent]
        not_deleted = [{"Id": position} for position in gone]
        return [
            Call(pid, "SendMessageBatch", {"Entries": entries}, 1, 1, {"Failed": not_sent}),
            Call(pid, "DeleteMessageBatch", {"Entries": []}, 2, 2, {"Failed": not_deleted}),
        ]

    letters = [DeadLetter(id_, "not_json", "{") for id_ in ids]
    twice = balanced(dead_letters=[*letters, *letters[1:]], deaths=[])

    twice.calls = CallLog(reject(PID) + reject(PID + 1, gone=["1"]))
    assert twice.repeated_rejects() == (1, 1)
    twice.calls = CallLog(reject(PID) + reject(PID + 1, unsent=["0"], gone=["0", "1"]))
    assert twice.repeated_rejects() == (2, 0)


def test_the_account_of_details_is_part_of_the_report() -> None:
    details = DetailsAccount({"bus": Counter(none=1)})
    assert len(broken(balanced(details=details))) == 3
    assert "arrivals at bus, details none" in balanced(details=details).table()


def test_the_chaos_table_separates_excused_repeats_from_others() -> None:
    report = balanced(
        arrived={"actions": {END: [5.0, 50.0]}, "bus": {END: [6.0, 51.0]}},
        calls=CallLog([claim(), mark("bus", at=7)]),
        deaths=[Death(PID, "mark"), Death(8, HANGING_ACTION)],
        struck={("killed before", "mark"): 1, ("hangs", "crm"): 1},
        pending=["throttled claim"],
    )
    rows = [line.strip() for line in report.table().splitlines()]

    assert len(rows) == len(set(rows))
    assert all(len(line) <= 80 for line in report.table().splitlines())
    assert any(row.startswith("processes killed") and row.endswith(" 1") for row in rows)
    assert any(row.startswith("events lost while") and row.endswith(" 3") for row in rows)
    assert any(row.startswith("sent by backfill 2") and row.endswith(" 0") for row in rows)
    assert any(row.startswith(f"arrived again, {MARKED}") for row in rows)
    assert "NOT STRUCK: throttled claim" in report.faults()
    assert "killed before: mark 1" in report.faults()
    report.struck = {("killed before", f"operation {n}"): 1 for n in range(9)}
    assert all(len(line) <= 78 for line in report.faults().splitlines())
