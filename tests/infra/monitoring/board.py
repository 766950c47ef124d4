"""A synthesised dashboard's body, with its tokens replaced by names."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from resources.queue_data import LABEL_SEPARATOR
from tests.infra.stacks import Stack


@dataclass(frozen=True)
class Metric:
    """A metric in a widget; `options` has its statistic, label and colour."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    options: dict[str, Any]


@dataclass(frozen=True)
class Board:
    """A dashboard's body, with each token replaced by `<logical id>` or `<logical id>.<name>`."""

    body: dict[str, Any]

    @property
    def widgets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["widgets"]
        return found

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [widget for widget in self.widgets if widget["type"] == kind]

    def properties_of(self, title: str) -> dict[str, Any]:
        (found,) = [w for w in self.widgets if w["properties"].get("title") == title]
        properties: dict[str, Any] = found["properties"]
        return properties

    def metrics(self) -> Iterator[Metric]:
        for widget in self.of_type("metric"):
            yield from metrics_in(widget["properties"])

    def dimension(self, namespace: str, name: str) -> set[str]:
        """Return the values that a dimension has in a namespace's metrics."""
        found = [m.dimensions for m in self.metrics() if m.namespace == namespace]
        return {dimensions[name] for dimensions in found if name in dimensions}


def metrics_in(properties: dict[str, Any]) -> list[Metric]:
    """Return a widget's metrics; fail on a metric expression, which no emulator supports."""
    found = []
    for row in properties["metrics"]:
        *names, options = row
        namespace, name, *dimensions = names
        assert all(isinstance(part, str) for part in names)
        pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        found.append(Metric(namespace, name, pairs, options))
    return found


def body_text(stack: Stack, replace: Callable[[str], str]) -> str:
    """Return the dashboard's body, with each token replaced by a function of the token's name."""
    (dashboard,) = stack.of_type("AWS::CloudWatch::Dashboard")
    _, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    return "".join(part if isinstance(part, str) else replace(_token_name(part)) for part in parts)


def _token_name(part: dict[str, Any]) -> str:
    match part:
        case {"Fn::Select": [index, {"Fn::Split": [separator, {"Fn::GetAtt": value}]}]}:
            assert separator == LABEL_SEPARATOR
            return ".".join([*value, str(index)])
        case {"Fn::GetAtt": value}:
            return ".".join(value)
    ((_, name),) = part.items()
    return str(name)


def board_of(stack: Stack) -> Board:
    return Board(json.loads(body_text(stack, lambda name: name)))
