"""What `dlq ls` and `dlq show` print: groups of dead letters, and single ones."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ops.dead_letters.letter import Letter
from ops.stack.contents import contents_of, readable

NOT_IN_LOG = "unknown: the worker's log has no failure of this message"


@dataclass(frozen=True, slots=True)
class Group:
    """The letters with one reason and one error, the oldest first."""

    reason: str
    error: str
    letters: Sequence[Letter]

    def as_json(self) -> dict[str, Any]:
        return {
            "reason": self.reason,
            "error": self.error,
            "count": len(self.letters),
            "oldest": self.letters[0].sent_at,
            "newest": self.letters[-1].sent_at,
            "ids": [letter.id for letter in self.letters],
        }


def error_of(letter: Letter, last_errors: Mapping[str, str]) -> str:
    """Return a letter's own error, or its last one in the log."""
    return last_errors.get(letter.id, NOT_IN_LOG) if letter.is_exhausted else letter.error


def group(letters: Iterable[Letter], last_errors: Mapping[str, str]) -> list[Group]:
    """Return groups by reason and error, the largest first."""
    found: defaultdict[tuple[str, str], list[Letter]] = defaultdict(list)
    for letter in sorted(letters, key=lambda letter: letter.sent_at_ms):
        found[letter.reason, error_of(letter, last_errors)].append(letter)
    groups = [Group(reason, error, same) for (reason, error), same in found.items()]
    return sorted(groups, key=lambda group: -len(group.letters))


def groups_table(groups: Iterable[Group]) -> Table:
    """Return the groups for a person, in a layout that 80 columns can hold."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for each in groups:
        lines = [
            f"reason  {readable_line(each.reason)}",
            f"error   {readable_line(each.error)}",
            f"oldest  {each.letters[0].sent_at}, newest {each.letters[-1].sent_at}",
            f"such as {each.letters[0].id}",
            "",
        ]
        table.add_row(f"{len(each.letters)} ×", Text("\n".join(lines)))
    return table


def letter_as_json(letter: Letter, last_errors: Mapping[str, str]) -> dict[str, Any]:
    """Return a whole letter, with the ids of its conversation and queue."""
    contents = contents_of(letter.body)
    return {
        **letter.as_json(),
        "error": error_of(letter, last_errors),
        "conversation_id": contents.conversation_id,
        "queue_id": contents.queue_id,
    }


def letter_text(letter: Letter, last_errors: Mapping[str, str]) -> Text:
    """Return a whole letter for a person."""
    fields = letter_as_json(letter, last_errors)
    lines = [f"message       {letter.id}"]
    names = ("reason", "error", "conversation_id", "queue_id", "sent_at")
    lines += [
        f"{name.replace('_id', ''):13} {readable_line(fields[name])}"
        for name in names
        if fields[name]
    ]
    receives = letter.system_attributes.get("ApproximateReceiveCount", "?")
    lines.append(f"{'receives':13} {receives}, those by operators included")
    for name, attribute in fields["attributes"].items():
        value = attribute.get("value", f"base64 {attribute.get('base64')}")
        lines.append(f"attribute     {name} = {readable_line(value)}")
    return Text("\n".join([*lines, "", readable(letter.body), ""]))


def readable_line(text: str) -> str:
    """Return a text without characters that could confuse a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
