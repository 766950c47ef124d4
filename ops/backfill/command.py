"""Runs `queue-ends backfill`."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from backfill.expected_ends import ExpectedEnd, settle_ms
from backfill.known_ends import LedgerUnreadable
from backfill.search import Findings, SendFailed
from backfill.windows import Window
from deadline import now_ms
from genesys.errors import GenesysError, UserFacingError
from ops.backfill.org_search import (
    check_sendable,
    end_rule_of,
    explain,
    make_deadline,
    make_search,
    remembered_since_ms,
    send_ends,
)
from ops.backfill.window import make_window, parse_time
from ops.command import Command, JsonOption, StageOption, YesOption, command
from ops.deployed import Deployed
from ops.errors import OpsError, Status
from ops.times import format_time, iso_time
from ops.words import count_of

# How many missing ends a person is shown.
_MAX_SHOWN = 20


def backfill(
    *,
    since: Annotated[
        int,
        typer.Option(
            "--from",
            metavar="TIME",
            parser=parse_time,
            help="Begin of the window, such as 2026-11-23.",
        ),
    ],
    until: Annotated[
        int | None,
        typer.Option(
            "--to", metavar="TIME", parser=parse_time, help="End of the window; default: now."
        ),
    ] = None,
    look_back_days: Annotated[
        int,
        typer.Option(min=1, max=366, help="How long conversations may have lasted, in days."),
    ] = 31,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what is missing.")] = False,
    stage: StageOption = "dev",
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Find ends that never arrived, and put them on the intake queue.

    Asks Genesys Cloud's analytics for the conversations that ended in the window, and looks for
    their ends in the ledger. Times are in UTC unless they have an offset, such as
    2026-11-23T10:00+01:00.
    """
    with command(stage, json=json) as running:
        deployed = running.require_deployed()
        rule = end_rule_of(deployed)
        window = make_window(since, until, now_ms(), settle_ms(rule), look_back_days)
        if window.since_ms < remembered_since_ms(deployed):
            raise OpsError(
                "The ledger does not remember ends from then, so all of them would look missing. "
                "Choose a --from within the last ledger_days days.",
                Status.USAGE,
            )
        if not dry_run:
            running.check_can_confirm("Put missing ends on the intake queue", yes=yes)
            check_sendable(deployed)
        running.output.note("Searching Genesys Cloud's analytics, with two requests a second …")
        findings = _search(running, deployed, rule, window)
        _show(running, window, findings)
        if findings.missing and not dry_run:
            _send(running, deployed, findings, yes=yes)
        running.output.result(_as_json(window, findings))
    if not findings.is_complete or (dry_run and findings.missing):
        raise typer.Exit(Status.PROBLEM)


def _search(running: Command, deployed: Deployed, rule: str, window: Window) -> Findings:
    deadline = make_deadline()

    def show_progress(findings: Findings, _: object) -> None:
        # A line for each ten pages, of which a large org has thousands.
        if findings.pages and findings.pages % 10 == 0:
            read = count_of(findings.conversations, "conversation")
            missing = count_of(len(findings.missing), "end")
            running.output.note(f"{read} read, {missing} missing")

    try:
        search = make_search(deployed, rule, deadline)
        return search.run(window, deadline, on_page=show_progress)
    except GenesysError as error:
        raise explain(error) from None
    except (UserFacingError, LedgerUnreadable) as error:
        raise OpsError(str(error)) from None


def _send(running: Command, deployed: Deployed, findings: Findings, *, yes: bool) -> None:
    count = len(findings.missing)
    running.confirm(f"Put {count_of(count, 'missing end')} on the intake queue", yes=yes)
    try:
        send_ends(deployed, findings.missing, make_deadline())
    except SendFailed as error:
        raise OpsError(
            f"{error} Run the command again: ends that have arrived are not sent twice.",
            Status.PROBLEM,
        ) from None
    findings.sent = count
    running.output.show(f"Sent {count_of(count, 'end')} to the intake queue.")


def _show(running: Command, window: Window, findings: Findings) -> None:
    output = running.output
    output.show(
        f"Ends from {iso_time(window.since_ms)} to {iso_time(window.until_ms)}",
        f"  conversations in analytics  {findings.conversations:>8}",
        f"  ends in the window          {findings.ends:>8}",
        f"  missing in the ledger       {len(findings.missing):>8}",
    )
    for problem in findings.problems:
        output.note(f"The search is not complete. {problem}")
    if findings.missing:
        output.show("", _table(findings.missing[:_MAX_SHOWN]))
        if len(findings.missing) > _MAX_SHOWN:
            output.show(f"and {len(findings.missing) - _MAX_SHOWN} more; --json lists all")


def _table(ends: Sequence[ExpectedEnd]) -> Table:
    table = Table("conversation", "queue", "ended", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for end in ends:
        ended_at = format_time(end.ended_at_ms)
        table.add_row(end.conversation_id, f"{end.queue_id[:8]}…", ended_at)
    return table


def _as_json(window: Window, findings: Findings) -> dict[str, Any]:
    return {
        "from": iso_time(window.since_ms),
        "to": iso_time(window.until_ms),
        "conversations": findings.conversations,
        "ends": findings.ends,
        "missing": [
            {
                "conversation_id": end.conversation_id,
                "queue_id": end.queue_id,
                "ended_at": iso_time(end.ended_at_ms),
            }
            for end in findings.missing
        ],
        "sent": findings.sent,
        "complete": findings.is_complete,
        "problems": list(findings.problems),
    }
