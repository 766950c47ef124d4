"""The part of a demo's report that is about the details of ends."""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local.runs.report import row

End = Mapping[str, Any]
"""An end as a destination has it."""


@dataclass(slots=True)
class DetailsReport:
    """The details of the ends in a run's report.

    Attributes
    ----------
    withheld
        The ids of the conversations that the analytics never have.
    missing
        The number of ends in these conversations.
    waits
        The least number of times that an end waits. With several ends in a conversation, it may be
        more.
    arrived
        The ends that arrived, keyed by destination.
    request_count, id_count
        The number of requests to the analytics, and the number of ids in all of them.
    delayed
        The number of messages that the worker has sent to itself, to ask again later.
    """

    withheld: Collection[str]
    missing: int
    waits: int
    arrived: Mapping[str, Sequence[End]] = field(default_factory=dict)
    request_count: int = 0
    id_count: int = 0
    delayed: int = 0

    def checks(self) -> dict[str, bool]:
        """Return whether each check holds, keyed by its description."""
        return {
            "every end has its details, unless the analytics never had them": all(
                end["details"] == ("missing" if self._is_withheld(end) else "complete")
                for ends in self.arrived.values()
                for end in ends
            ),
            "as many ends lack their details as the analytics never had": all(
                self._counts(ends)["missing"] == self.missing for ends in self.arrived.values()
            ),
            "every end waited whose details the analytics did not have": self.delayed >= self.waits,
            "no end has personal data": not any(
                _personal(end) for ends in self.arrived.values() for end in ends
            ),
        }

    def rows(self) -> list[str]:
        """Return the rows of the report's table."""
        counts = {name: self._counts(ends) for name, ends in self.arrived.items()}
        return [
            *(row(f"{name}: ends with details", each["complete"]) for name, each in counts.items()),
            *(row(f"{name}: ends without", each["missing"]) for name, each in counts.items()),
            row("requests to the analytics", self.request_count),
            row("  conversations that they asked for", self.id_count),
        ]

    def example(self) -> str:
        """Return an end with its details as indented JSON: one with few participants."""
        whole = [
            end
            for ends in self.arrived.values()
            for end in ends
            if end["details"] == "complete"
            if any(each["wrapup_codes"] for each in end["participants"])
        ]
        if not whole:
            return "no end has its details and a wrap-up"
        end = min(whole, key=lambda end: (len(end["participants"]), end["end_id"]))
        shown = {name: value for name, value in end.items() if name != "raw"}
        # A list of one text, and a metric, each fit on a line.
        text = re.sub(r'\[\s+("[^"]*")\s+\]', r"[\1]", json.dumps(shown, indent=2))
        return re.sub(r'\{\s+("name": "[^"]*",)\s+("value": \d+)\s+\}', r"{\1 \2}", text)

    def _is_withheld(self, end: End) -> bool:
        return end["conversation_id"] in self.withheld

    def _counts(self, ends: Sequence[End]) -> Counter[str]:
        return Counter(end["details"] for end in ends)


def _personal(end: End) -> bool:
    """Return whether an end has names, addresses or notes of its participants."""
    fields = {name for each in end["participants"] for name in each}
    return bool(fields & {"name", "addresses", "notes"})
