"""Seams: nothing outside of them asks which delivery it is, or for what the asset is packed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from infra.settings.settings import KEYS
from local.demo import deliveries as demo
from tests import canaries
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.sqs import FakeSqs
from tests.fakes.clock import Clock
from tests.fakes.entry_points import WORKER, imported_anew

ROOT = Path(__file__).parents[2]
FILES = [file for tree in ("functions", "infra") for file in sorted((ROOT / tree).rglob("*.py"))]
DELIVERIES = {*str(KEYS["delivery"].check).split(", ")}
SEAMS = (
    "functions/resources/",
    "functions/worker/readers.py",
    "infra/delivery/",
    # Warns of a key that has no effect with the delivery that is set.
    "infra/settings/combinations.py",
)
OF_ONE_DELIVERY = re.compile(r"(Subscription|Integration|EventBridge|EventSource|Partner)[A-Z]\w*")


def questions_in(source: str) -> list[str]:
    """Return the comparisons, checks and patterns in a source that ask which delivery it is."""
    return [ast.unparse(node) for node in ast.walk(ast.parse(source)) if _asks(node)]


def _asks(node: ast.AST) -> bool:
    match node:
        case ast.Compare(left, _, others):
            return any(_is_delivery(operand) for operand in (left, *others))
        case ast.Call(ast.Name("isinstance" | "issubclass"), [_, classes]):
            return any(OF_ONE_DELIVERY.fullmatch(name) for name in _names(classes))
        case ast.MatchClass(cls):
            return any(OF_ONE_DELIVERY.fullmatch(name) for name in _names(cls))
        case ast.MatchValue(value) | ast.Subscript(slice=value):
            return _is_delivery(value)
        case ast.Attribute(attr="settles"):
            return True
    return False


def _is_delivery(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value):
            return value in DELIVERIES
        case ast.Attribute(attr=name) | ast.Name(name):
            return name == "delivery"
    return False


def _names(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Name(name) | ast.Attribute(attr=name):
                yield name


def test_nothing_outside_of_the_seams_asks_which_delivery_it_is() -> None:
    asked = {
        f"{file.relative_to(ROOT)}: {question}"
        for file in FILES
        for question in questions_in(file.read_text("utf-8"))
    }
    in_seams = {question for question in asked if question.startswith(SEAMS)}
    assert sorted(asked - in_seams) == []
    assert "infra/delivery/sources.py: SOURCES[settings.delivery]" in in_seams


@pytest.mark.parametrize(
    "source",
    [
        "if settings.delivery == 'subscription': pass",
        "if variables['DELIVERY'] != 'eventbridge': pass",
        "x = delivery in chosen",
        "x = 60 if settings.settles else 0",
        "SOURCES[settings.delivery]",
        "isinstance(source, EventBridgeSource)",
        "isinstance(wanted, Ended | genesys.SubscriptionSpec)",
        "match wanted:\n    case IntegrationSpec(name=name): pass",
        "match settings.delivery:\n    case 'eventbridge': pass",
    ],
)
def test_no_question_about_the_delivery_is_overlooked(source: str) -> None:
    assert questions_in(source)


@pytest.mark.parametrize(
    "source",
    [
        "End(source='eventbridge')",
        "SOURCES = {'subscription': SubscriptionSource}",
        "isinstance(wanted, Accepted)",
        "class Source:\n    delivery: str",
    ],
)
def test_naming_a_delivery_is_no_question(source: str) -> None:
    assert questions_in(source) == []


@pytest.mark.parametrize("delivery", sorted(DELIVERIES))
def test_the_worker_has_a_reader_for_each_delivery(
    delivery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {"sqs": FakeSqs(), "dynamodb": FakeDynamoDb()}
    worker = imported_anew("worker", clients, WORKER | {"DELIVERY": delivery}, monkeypatch)
    assert worker.handler({"Records": []}, Clock().invocation(30)) == {"batchItemFailures": []}


def test_each_delivery_has_canaries_and_a_demo() -> None:
    assert {*get_args(canaries.Delivery)} == demo.DELIVERIES.keys() == DELIVERIES


def test_only_the_construct_asks_for_what_the_asset_is_packed() -> None:
    asks = re.compile(r'(?<!infra)(?<!from )(?<!from \.)(?<!")\.packaging\b')
    asking = {str(f.relative_to(ROOT)) for f in FILES if asks.search(f.read_text("utf-8"))}
    assert asking == {"infra/queue_ends.py"}
