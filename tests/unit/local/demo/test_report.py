"""The demo's report balances if every event is accounted for, and only then."""

from collections import Counter
from collections.abc import Callable

import pytest

from local.demo.report import PartnerRunReport, RunReport


def balanced() -> RunReport:
    """Return a balanced report with repeats, direct messages, a refusal and a live claim."""
    return RunReport(
        published=6,
        filtered=1,
        repeated=2,
        direct_messages=2,
        expected=Counter(
            {
                "processed": 3,
                "ended": 3,
                "duplicate": 2,
                "failed.destination": 1,
                "ignored.other_queue": 1,
                "rejected.not_json": 1,
            }
        ),
        logged=Counter(
            {
                "received": 9,
                "processed": 3,
                "duplicate": 2,
                "failed": 2,
                "failed.destination": 1,
                "failed.claimed_elsewhere": 1,
                "ignored": 1,
                "ignored.other_queue": 1,
                "rejected": 1,
                "rejected.not_json": 1,
            }
        ),
        dead_letters=Counter({"not_json": 1}),
        arrived={"the CRM": [1, 1, 1], "the bus": [1, 1, 1]},
        latencies=[0.5, 0.1, 2.0],
    )


def test_a_complete_account_balances() -> None:
    checks = balanced().checks()

    assert all(checks.values()), checks


def changed(**changes: object) -> Callable[[RunReport], None]:
    def change(report: RunReport) -> None:
        for name, value in changes.items():
            setattr(report, name, value)

    return change


def counted(**counts: int) -> Callable[[RunReport], None]:
    return lambda report: report.logged.update(counts)


@pytest.mark.parametrize("reason", ["ledger", "claimed_elsewhere"])
def test_a_retry_because_an_answer_was_late_is_balanced(reason: str) -> None:
    report = balanced()
    counted(received=1, failed=1, **{f"failed.{reason}": 1})(report)
    assert all(report.checks().values())


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(changed(filtered=0), id="an event was lost on its way to the queue"),
        pytest.param(changed(direct_messages=3), id="a message was never received"),
        pytest.param(counted(received=1), id="a message had no outcome"),
        pytest.param(counted(received=1, processed=1), id="something was processed beyond ours"),
        pytest.param(
            counted(processed=1, duplicate=-1), id="a repeat was processed as if it were new"
        ),
        pytest.param(
            counted(processed=-1, duplicate=1), id="an end was taken for a duplicate of another"
        ),
        pytest.param(
            counted(received=1, failed=1, **{"failed.destination": 1}),
            id="something failed without being refused",
        ),
        pytest.param(
            counted(received=1, failed=1, **{"failed.ledger_refusal": 1}),
            id="the ledger refused a call",
        ),
        pytest.param(
            counted(**{"failed.destination": -1, "failed.claimed_elsewhere": 1}),
            id="a refusal did not make its message fail",
        ),
        pytest.param(
            changed(arrived={"the CRM": [1, 1, 1], "the bus": [1, 1]}),
            id="an end did not arrive at one destination",
        ),
        pytest.param(
            changed(arrived={"the CRM": [1, 1, 2], "the bus": [1, 1, 1]}),
            id="an end arrived twice at one destination",
        ),
        pytest.param(
            changed(unexpected=Counter({"the bus": 1})), id="an end arrived that is not ours"
        ),
        pytest.param(changed(forged=1), id="a request to the webhook had no good signature"),
        pytest.param(
            changed(dead_letters=Counter()), id="a reject is not in the dead-letter queue"
        ),
        pytest.param(
            changed(dead_letters=Counter({"invalid_field": 1})), id="a reject has another reason"
        ),
        pytest.param(changed(left_in_queue=1), id="a message is left in the queue"),
        pytest.param(
            counted(**{"ignored.other_queue": -1, "ignored.other_event_type": 1}),
            id="something was ignored for another reason",
        ),
    ],
)
def test_a_report_with_a_gap_does_not_balance(spoil: Callable[[RunReport], None]) -> None:
    report = balanced()

    spoil(report)

    assert not all(report.checks().values())


def test_any_number_of_retries_that_met_a_live_claim_balances() -> None:
    report = balanced()

    report.logged.update({"received": 3, "failed": 3, "failed.claimed_elsewhere": 3})

    assert all(report.checks().values())


def balanced_of_partner_events() -> PartnerRunReport:
    """Return a balanced report of nine events with three ends of two conversations."""
    return PartnerRunReport(
        published=12,
        filtered=3,
        expected=Counter({"ended": 3, "conversations": 2, "failed.destination": 1}),
        logged=Counter(
            {
                "received": 12,
                "processed": 2,
                "ended": 3,
                "duplicate": 3,
                "ignored": 4,
                "ignored.noted": 4,
                "failed": 3,
                "failed.destination": 2,
                "failed.claimed_elsewhere": 1,
            }
        ),
        arrived={"the CRM": [1, 1, 1]},
    )


def test_an_account_of_partner_events_balances_whichever_event_completes_an_end() -> None:
    report = balanced_of_partner_events()
    assert all(report.checks().values()), report.checks()

    report.logged.update({"processed": 1, "duplicate": 1, "ignored": -2, "ignored.noted": -2})
    assert all(report.checks().values()), report.checks()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(counted(ended=-1), id="an end was not derived"),
        pytest.param(counted(ended=1), id="an end too many was derived"),
        pytest.param(counted(processed=2, duplicate=-2), id="more messages than ends"),
        pytest.param(counted(processed=-1, duplicate=1), id="fewer messages than conversations"),
        pytest.param(
            counted(received=-2, failed=-2, **{"failed.destination": -2}),
            id="a refusal made no message fail",
        ),
        pytest.param(
            counted(received=1, failed=1, **{"failed.ledger_refusal": 1}),
            id="the ledger refused a call",
        ),
        pytest.param(
            counted(**{"ignored.noted": -1, "ignored.other_queue": 1}),
            id="an event of another queue came through the rules",
        ),
        pytest.param(changed(filtered=2), id="an event was lost on its way to the queue"),
        pytest.param(changed(arrived={"the CRM": [1, 1, 2]}), id="an end arrived twice"),
        pytest.param(changed(arrived={"the CRM": [1, 1]}), id="an end did not arrive"),
    ],
)
def test_an_account_of_partner_events_with_a_gap_does_not_balance(
    spoil: Callable[[RunReport], None],
) -> None:
    report = balanced_of_partner_events()

    spoil(report)

    assert not all(report.checks().values())


def test_the_table_fits_eighty_columns_and_names_every_reason_and_destination() -> None:
    table = balanced().table()

    assert all(len(line) <= 78 for line in table.splitlines())
    for row in (
        "rejected: not_json",
        "ignored: other_queue",
        "duplicate",
        "refused by a destination",
        "in another worker's hands",
        "arrived at the CRM",
        "arrived at the bus",
        "p50",
    ):
        assert row in table
    assert "0.50" in table
    assert "2.00" in table


def test_the_table_of_partner_events_counts_messages_and_ends() -> None:
    table = balanced_of_partner_events().table()

    assert all(len(line) <= 78 for line in table.splitlines())
    for row in (
        "ends that these messages completed",
        "ignored: noted",
        "by topic, and by the rules",
    ):
        assert row in table
