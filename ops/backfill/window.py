"""The window of a backfill, from the times on the command line."""

from datetime import UTC, datetime

import typer

from backfill.windows import DAY_MS, Window
from conversations.fields import to_epoch_ms
from ops.errors import OpsError, Status


def parse_time(text: str) -> int:
    """Return a time in epoch milliseconds; a time without an offset is in UTC.

    Raises
    ------
    typer.BadParameter
        The text is neither a date nor a time in ISO 8601.
    """
    try:
        time = datetime.fromisoformat(text)
        with_offset = time if time.tzinfo else time.replace(tzinfo=UTC)
        return to_epoch_ms(with_offset)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time. Write it like 2026-11-23 or 2026-11-23T10:00Z."
        ) from None


def make_window(
    since_ms: int, until_ms: int | None, now_ms: int, settle_ms: int, look_back_days: int
) -> Window:
    """Return a window that ends when the ends in it are settled.

    Parameters
    ----------
    since_ms, until_ms
        The times on the command line; `until_ms` is None if the window ends now.
    settle_ms
        The time after which an end should have arrived.

    Raises
    ------
    OpsError
        The window is empty.
    """
    settled_ms = now_ms - settle_ms
    end_ms = settled_ms if until_ms is None else min(until_ms, settled_ms)
    if since_ms >= end_ms:
        if since_ms >= now_ms:
            reason = "--from is in the future."
        elif until_ms is not None and since_ms >= until_ms:
            reason = "--from is not before --to."
        else:
            reason = "The window is too recent: its ends may still be on their way."
        raise OpsError(f"{reason} Choose an earlier --from.", Status.USAGE)
    return Window(since_ms, end_ms, max_age_ms=look_back_days * DAY_MS)
