"""The names of queues in the forms in which a stack uses them, shortened to fit AWS's limits."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# CloudFormation allows 4,096 bytes for a response. Its other parts leave this many for the data.
MAX_DATA_BYTES = 3_300
MAX_LABEL_CHARACTERS = 40
# The lengths to which labels are cut, one after the other, until the data fits.
_LABEL_LIMITS = (MAX_LABEL_CHARACTERS, 32, 24, 18, 14)
_MAX_SUMMARY_BYTES = 600
# Separates the labels. The template splits them within the dashboard's JSON, where the CDK would
# escape a line break.
LABEL_SEPARATOR = "|"
# A label is a part of the dashboard's JSON, where quotes and backslashes end or change a string.
# CloudWatch replaces `${...}` in a label, and CloudFormation `{{resolve:...}}` in a template.
_UNSAFE_IN_LABEL = re.compile(r"[\"\\${}|]")
_BREAKS_AND_CONTROLS = {"Cc", "Cs", "Zl", "Zp"}
# The characters that change the direction of all that follows them, and so could hide or reorder
# it.
_DIRECTION_CHANGES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@dataclass(frozen=True, slots=True)
class QueueData:
    """The names of queues for a stack.

    Attributes
    ----------
    names
        The names for the worker, each on a line of its own, in the order of the queue ids. A line
        is empty if the queue's name is unknown or left out; `names` is empty if all names are.
    labels
        The labels for the dashboard and the alarms, separated by `LABEL_SEPARATOR`.
    summary
        The stack's output about the queues: `problem`, or the labels.
    problem
        Why names are unknown; empty if all are known.
    left_out
        The ids of the queues whose names did not fit into `names`.
    """

    names: str
    labels: str
    summary: str
    problem: str = ""
    left_out: tuple[str, ...] = ()

    def attributes(self) -> dict[str, str]:
        """Return the attributes that the template can read; none of them is empty."""
        return {"Names": self.names or " ", "Labels": self.labels, "Summary": self.summary}


def make_queue_data(
    queue_ids: Sequence[str],
    names: Mapping[str, str],
    *,
    environment_bytes: int,
    problem: str = "",
) -> QueueData:
    """Return the names of queues, shortened to fit.

    First, labels are cut. If that is not enough, the longest names are left out of the worker's
    names; their labels remain.

    Parameters
    ----------
    names
        The known names, keyed by queue id.
    environment_bytes
        The room for the names in the worker's environment.
    problem
        A sentence for the stack's output that says why names are unknown; empty if all are known.
    """
    lines = [_one_line(names.get(queue_id, "")) for queue_id in queue_ids]
    all_names = dict(zip(queue_ids, lines, strict=True))
    left_out: list[str] = []
    while True:
        joined = "\n".join(lines) if any(lines) else ""
        if json_size(joined) <= environment_bytes or not joined:
            for limit in _LABEL_LIMITS:
                labels = [make_label(queue_id, name, limit) for queue_id, name in all_names.items()]
                summary = problem or _summarize(labels)
                data = QueueData(
                    joined, LABEL_SEPARATOR.join(labels), summary, problem, tuple(left_out)
                )
                if sum(map(json_size, data.attributes().values())) <= MAX_DATA_BYTES:
                    return data
            if not joined:
                return data  # the ids alone are too long, which the settings' limits rule out
        longest = max(range(len(lines)), key=lambda index: json_size(lines[index]))
        left_out.append(queue_ids[longest])
        lines[longest] = ""


def make_label(queue_id: str, name: str, max_characters: int = MAX_LABEL_CHARACTERS) -> str:
    """Return a queue's label, such as `Support (a1b2…)`; the id alone if there is no name."""
    safe_name = _UNSAFE_IN_LABEL.sub("", name).strip()
    if not safe_name:
        return _cut(queue_id, max_characters)
    # Several queues can have the same name in different divisions of an org, or similar ones.
    mark = f" ({queue_id[:4]}…)"
    return _cut(safe_name, max_characters - len(mark)) + mark


def json_size(text: str) -> int:
    """Return the number of bytes that a text takes in JSON, without its quotes.

    Lambda measures an environment, and CloudFormation a response, as JSON.
    """
    return len(json.dumps(text)) - 2


def _one_line(name: str) -> str:
    """Return a name without line breaks, control characters and changes of direction."""
    characters = (
        " "
        if unicodedata.category(character) in _BREAKS_AND_CONTROLS
        or unicodedata.bidirectional(character) in _DIRECTION_CHANGES
        else character
        for character in name
    )
    # CloudFormation must not take a name for a dynamic reference to a secret.
    return "".join(characters).replace("{{", "{ {").strip()


def _summarize(labels: Sequence[str]) -> str:
    shown: list[str] = []
    for label in labels:
        if json_size(", ".join([*shown, label])) > _MAX_SUMMARY_BYTES:
            return f"{', '.join(shown)} and {len(labels) - len(shown)} more"
        shown.append(label)
    return ", ".join(shown)


def _cut(text: str, max_characters: int) -> str:
    return text if len(text) <= max_characters else text[: max_characters - 1].rstrip() + "…"
