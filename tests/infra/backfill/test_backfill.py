"""What the watchdog gets for the backfill, and no more."""

from tests.infra.stacks import Stack, backfill_statements


def test_a_backfill_that_only_reports_may_send_nothing(tuned: Stack) -> None:
    statements = tuned.role_statements("Watchdog")
    assert [one for one in statements if one in backfill_statements(tuned, sends=True)] == (
        backfill_statements(tuned, sends=False)
    )
    assert not [one for one in statements if "sqs:SendMessage" in one["Action"]]


def test_the_backfill_is_told_its_mode_and_its_rule(
    stack: Stack, eventbridge: Stack, tuned: Stack
) -> None:
    names = ("BACKFILL", "END_RULE")
    for synthesised, mode, rule in (
        (eventbridge, "repair", "touched"),
        (tuned, "report", "conversation"),
    ):
        variables = synthesised.environment("Watchdog")
        assert [variables[name] for name in names] == [mode, rule]
        assert "QUEUE_URLS" in variables
    assert not {*names} & {*stack.environment("Watchdog")}
