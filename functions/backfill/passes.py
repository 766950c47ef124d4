"""The passes of the backfill, which resume where an earlier run has stopped.

A search selects conversations by their beginning, and conversations can last for weeks. The pass
`recent` comes often and looks for the ends of conversations that began up to two days before. The
pass `old` comes once a day and looks for the ends of older ones.
"""

from dataclasses import dataclass

from backfill.cursor import Cursor, KeepsCursors
from backfill.expected_ends import settle_ms
from backfill.search import Backfill, Findings
from backfill.windows import DAY_MS, MINUTE_MS, Position, Window
from deadline import Clock, Deadline

# Ends that are older have been missed for good, if the watchdog was off for so long.
MAX_BEHIND_MS = 14 * DAY_MS


@dataclass(frozen=True, slots=True)
class Pass:
    """A kind of pass.

    Attributes
    ----------
    name
        The name of its cursor.
    every_ms
        How much time the pass waits for before it searches again.
    min_age_ms, max_age_ms
        As in `Window`.
    """

    name: str
    every_ms: int
    min_age_ms: int
    max_age_ms: int


PASSES = (
    Pass("recent", 15 * MINUTE_MS, 0, 2 * DAY_MS),
    Pass("old", DAY_MS, 2 * DAY_MS, 31 * DAY_MS),
)


@dataclass(frozen=True, slots=True)
class PassResult:
    """The result of a pass.

    Attributes
    ----------
    findings
        The results of this run.
    skipped_ms
        How many milliseconds of ends were left out, because the last run was too long ago.
    """

    name: str
    findings: Findings
    skipped_ms: int = 0


def run_pass(
    one: Pass,
    backfill: Backfill,
    cursors: KeepsCursors,
    deadline: Deadline,
    *,
    now_ms: Clock,
    findings: Findings | None = None,
) -> PassResult | None:
    """Run a pass until the deadline; return None if it is not due.

    The first run only notes the present time, because earlier ends are not to be sent. So does the
    first run with another end rule or other queues. After each page, the cursor is saved. If a run
    stops, the next run reads this page again at most.

    Parameters
    ----------
    findings
        As in `Backfill.run`.

    Raises
    ------
    CursorMoved
        Another run is at work.
    ClientError, BotoCoreError, TimeoutError
        The cursor could not be read or saved.
    Exception
        The errors of `Backfill.run`.
    """
    now = now_ms()
    cursor = cursors.read(one.name, deadline)
    if cursor is None or cursor.searched_for != backfill.searched_for:
        version = cursor.version if cursor else 0
        first = Cursor(now, version=version, searched_for=backfill.searched_for)
        cursors.save(one.name, first, deadline)
        return None
    settled_until_ms = now - settle_ms(backfill.rule)
    if not cursor.position and settled_until_ms - cursor.searched_until_ms < one.every_ms:
        return None
    since_ms = cursor.searched_until_ms
    # A window whose search has begun may take a day.
    if now - since_ms > MAX_BEHIND_MS + (DAY_MS if cursor.position else 0):
        since_ms = now - MAX_BEHIND_MS
    skipped_ms = since_ms - cursor.searched_until_ms
    # If ends are skipped, the window that was being searched is given up.
    start = None if skipped_ms else cursor.position
    until_ms = cursor.window_until_ms if start else settled_until_ms
    window = Window(since_ms, until_ms, one.min_age_ms, one.max_age_ms)

    version = cursor.version

    def save(_: Findings, position: Position | None) -> None:
        nonlocal version
        is_over = position is None
        saved = cursors.save(
            one.name,
            Cursor(
                searched_until_ms=until_ms if is_over else since_ms,
                window_until_ms=0 if is_over else until_ms,
                position=position,
                version=version,
                searched_for=cursor.searched_for,
            ),
            deadline,
        )
        version = saved.version

    results = backfill.run(window, deadline, start=start, findings=findings, on_page=save)
    return PassResult(one.name, results, skipped_ms)
