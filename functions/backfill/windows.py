"""The windows in which ends are looked for, and the search's position in them."""

from dataclasses import dataclass, replace

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
# A search over a shorter interval is not divided, however many results it has.
MIN_INTERVAL_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Window:
    """The ends to look for: by their time, and by the age of their conversations.

    Attributes
    ----------
    since_ms, until_ms
        The ends' earliest time, and the time that all ends lie before, in epoch milliseconds.
    min_age_ms, max_age_ms
        The least age of a conversation at its end, and the age that all ages lie below.
    """

    since_ms: int
    until_ms: int
    min_age_ms: int = 0
    max_age_ms: int = 31 * DAY_MS

    def has(self, ended_at_ms: int, began_at_ms: int | None) -> bool:
        """Return whether an end is in the window by its time and its conversation's beginning."""
        if not self.since_ms <= ended_at_ms < self.until_ms:
            return False
        return began_at_ms is None or self.min_age_ms <= ended_at_ms - began_at_ms < self.max_age_ms

    @property
    def first_begin_ms(self) -> int:
        """The beginning of the first day in which a conversation may have begun."""
        # Genesys Cloud selects by the day, so days are read as a whole.
        return (self.since_ms - self.max_age_ms) // DAY_MS * DAY_MS

    @property
    def last_begin_ms(self) -> int:
        """The time before which all conversations began."""
        return self.until_ms - self.min_age_ms


@dataclass(frozen=True, slots=True)
class Position:
    """The page to read next: a page of the conversations that began in an interval.

    Attributes
    ----------
    begin_ms, end_ms
        The interval, in epoch milliseconds. It is part of one day.
    page
        1 for the first page.
    undivided_hits
        How many conversations the interval had before it was divided; 0 if it was not divided.
    is_final
        Whether the interval is read as far as Genesys Cloud shows it, and not divided again.
    """

    begin_ms: int
    end_ms: int
    page: int = 1
    undivided_hits: int = 0
    is_final: bool = False

    def next_page(self) -> "Position":
        return replace(self, page=self.page + 1)

    def divided(self, hits: int, window: Window) -> "Position":
        """Return the first half of an interval that has too many conversations.

        An interval that is too short becomes final. If it has as many conversations as before its
        division, Genesys Cloud selects by nothing but the day. Then the rest of the day is read
        along with it.
        """
        undivided_hits = self.undivided_hits or hits
        middle_ms = (self.begin_ms + self.end_ms) // 2
        if middle_ms - self.begin_ms >= MIN_INTERVAL_MS:
            return Position(self.begin_ms, middle_ms, undivided_hits=undivided_hits)
        is_day = hits >= undivided_hits
        end_ms = _end_of_day(self.begin_ms, window) if is_day else self.end_ms
        return Position(self.begin_ms, end_ms, is_final=True)


def first_position(window: Window) -> Position | None:
    """Return the first page of a window; None if no conversation can be in it."""
    return _position_at(window.first_begin_ms, window)


def next_interval(position: Position, window: Window) -> Position | None:
    """Return the first page of the interval that follows; None if the window has been read."""
    return _position_at(position.end_ms, window)


def _position_at(begin_ms: int, window: Window) -> Position | None:
    if begin_ms >= window.last_begin_ms:
        return None
    return Position(begin_ms, _end_of_day(begin_ms, window))


def _end_of_day(begin_ms: int, window: Window) -> int:
    return min((begin_ms // DAY_MS + 1) * DAY_MS, window.last_begin_ms)
