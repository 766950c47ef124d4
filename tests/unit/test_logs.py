"""Loggers write JSON lines at the level of the setting, whatever Lambda's own level is."""

import io
import itertools
import json
import logging
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from logs import guard_standard_logging, json_logger
from tests.bodies import CANARY


@pytest.mark.parametrize(
    ("level", "lambda_level"),
    [
        *[(level, None) for level in ("DEBUG", "INFO", "WARNING", "ERROR")],
        *[("DEBUG", "DEBUG"), ("INFO", "INFO"), ("WARNING", "INFO"), ("ERROR", "INFO")],
    ],
)
def test_lines_below_the_level_are_not_written(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    level: str,
    lambda_level: str | None,
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", level)
    if lambda_level:
        monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", lambda_level)
    logger = json_logger(f"test-{level}-{lambda_level}")
    levels = ["DEBUG", "INFO", "WARNING", "ERROR"]
    for level_name in levels:
        getattr(logger, level_name.lower())("Line", answer=42)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["level"] for line in lines] == levels[levels.index(level) :]
    assert {(line["message"], line["answer"]) for line in lines} == {("Line", 42)}
    assert {line["service"] for line in lines} == {f"test-{level}-{lambda_level}"}


def test_without_a_setting_the_level_is_info(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POWERTOOLS_LOG_LEVEL", raising=False)
    json_logger("test-no-level")
    assert logging.getLogger("test-no-level").level == logging.INFO


@dataclass(frozen=True)
class Hiding:
    """A value that does not show its secret."""

    secret: str = field(repr=False)


@pytest.mark.parametrize(
    "value",
    [
        *("plain", 'quote " slash \\ / tab \t line \n null \0 smile \U0001f600 käse', ""),
        *(None, True, -1, 2**64, 10**40, 0.1, datetime(2026, 11, 29, tzinfo=UTC), Decimal("1.10")),
        *(b"bytes", {"a"}, (1, "a"), [{"a": [1, None]}], {"failed.ledger": 1}, {1: 2}),
        Hiding(CANARY),
    ],
    ids=repr,
)
def test_a_line_is_the_one_that_powertools_writes_by_itself(
    value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"location": None, "xray_trace_id": None, "use_rfc3339": True}
    monkeypatch.setattr(time, "time", lambda: 1_795_428_000.5)
    texts = []
    for logger in (json_logger("ours"), Logger(service="theirs", **options)):
        stream = captured(logger, monkeypatch)
        logger.info("Line", value=value, other=7)
        try:
            raise ValueError(value)
        except ValueError:
            logger.exception('{"a": "message in JSON"}', value=value)
        texts.append(stream.getvalue().replace("theirs", "ours"))

    assert texts[0] == texts[1]
    assert texts[0].count("\n") == 2
    assert CANARY not in texts[0]


def numbers() -> Iterator[str]:
    """Yield ids for values that have no text, or none that can be shown."""
    return map(str, itertools.count())


def captured(logger: Logger, monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return a stream that gets a logger's lines, and no longer pytest, which cannot show some."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    monkeypatch.setattr(logging.getLogger(logger.service), "propagate", False)
    return stream


def valid_lines(text: str) -> list[dict[str, Any]]:
    """Return the lines of a log, after checking that each is printable JSON."""
    *lines, after_the_last = text.split("\n")
    assert after_the_last == ""
    assert all(line.isprintable() for line in lines)
    return [json.loads(line, parse_constant=pytest.fail) for line in lines]


@pytest.mark.parametrize(
    ("value", "logged_value"),
    [
        *((f"c-{c}", f"c-{c}") for c in "\x9b\x7f\x85\u00a0\u2028\u202e\u200f\ufeff\U000e0001"),
        *((half, "\ufffd") for half in ("\ud83d", "\ude00")),
        *((math.nan, None), (-math.inf, None), ({"a": [math.nan, 1]}, {"a": [None, 1]})),
        ({("a", "b"): math.nan}, "{('a', 'b'): nan}"),
        (10**5000, "<int, whose text raised ValueError>"),
    ],
    ids=numbers(),
)
def test_any_value_becomes_printable_json(
    value: object, logged_value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = json_logger("printable")
    stream = captured(logger, monkeypatch)

    logger.info("Line", value=value, other=7)
    logger.info("Line", value=value, other=[7.5])

    lines = valid_lines(stream.getvalue())
    assert [(line["value"], line["other"]) for line in lines] == [
        (logged_value, 7),
        (logged_value, [7.5]),
    ]


class Raising:
    """A value without a text."""

    def __repr__(self) -> str:
        raise LookupError


class RaisingError(Exception):
    """An error without a text."""

    def __str__(self) -> str:
        raise LookupError


CIRCULAR: dict[str, Any] = {}
CIRCULAR["self"] = [CIRCULAR]
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value", [Raising(), [Raising()], CIRCULAR, RaisingError(), {b"a": 1}], ids=numbers()
)
def test_a_value_that_cannot_be_encoded_leaves_the_other_fields(
    value: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = json_logger("other-fields")
    stream = captured(logger, monkeypatch)

    logger.info("Line", value=value, other={"a": 7})

    (line,) = valid_lines(stream.getvalue())
    assert (line["message"], line["level"], line["other"]) == ("Line", "INFO", {"a": 7})
    assert isinstance(line["value"], str)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("%s", (Raising(),)),
        ("%d", ("no number",)),
        ("50%", ("one too many",)),
        ("%s and %s", ("one too few",)),
    ],
    ids=numbers(),
)
def test_a_message_that_cannot_be_formatted_is_logged_without_its_arguments(
    message: str,
    arguments: tuple[object, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = json_logger("format")
    stream = captured(logger, monkeypatch)

    logger.warning(message, *arguments)

    (line,) = valid_lines(stream.getvalue())
    assert (line["message"], line["level"], line["service"]) == (message, "WARNING", "format")
    assert line["log_error"].startswith("The rest of this line could not be formatted: ")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "error",
    [RaisingError(), ValueError("\ud83d\u2028\x9b"), ValueError(Raising()), ValueError(CIRCULAR)],
    ids=numbers(),
)
def test_an_error_with_any_message_is_logged(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = json_logger("errors")
    stream = captured(logger, monkeypatch)

    try:
        raise error
    except Exception:
        logger.exception("Failed")

    (line,) = valid_lines(stream.getvalue())
    assert (line["message"], line["exception_name"]) == ("Failed", type(error).__name__)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "message", [DEEP, {"a": Raising()}, "[" * 100_000, Raising(), b"\xff"], ids=numbers()
)
def test_a_message_of_any_type_is_logged(
    message: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = json_logger("any-type")
    stream = captured(logger, monkeypatch)

    logger.info(message)

    assert len(valid_lines(stream.getvalue())) == 1
    assert capsys.readouterr().err == ""


class LambdaHandler(logging.Handler):
    """Writes JSON lines as the handler of Lambda's runtime does, which catches no error."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = io.StringIO()
        self.setFormatter(LambdaFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.stream.write(self.format(record))


class LambdaFormatter(logging.Formatter):
    """Formats records as Lambda's runtime does: it ends the line, and writes NaN."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {"message": record.getMessage(), "level": record.levelname}
        extra = {"value": record.value} if hasattr(record, "value") else {}
        return json.dumps({**fields, **extra}, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(
    "make_handler", [LambdaHandler, lambda: logging.StreamHandler(io.StringIO())]
)
def test_lines_of_standard_loggers_are_printable_and_never_lost(
    make_handler: Callable[[], LambdaHandler | logging.StreamHandler[io.StringIO]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = make_handler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    guard_standard_logging()
    guard_standard_logging()  # as each function's modules do
    logger = logging.getLogger("of-the-action")

    logger.warning("a %s", "\x9b\u202e\ud83d")
    logger.warning("a %s", Raising())
    logger.warning("{NaN", extra={"value": math.nan})
    logger.warning("a", extra={"value": CIRCULAR})

    *lines, after_the_last = handler.stream.getvalue().split("\n")
    assert (len(lines), after_the_last) == (4, "")
    assert all(line.isprintable() for line in lines)
    assert "\\u009b\\u202e\ufffd" in lines[0]
    if isinstance(handler, LambdaHandler):
        parsed = [json.loads(line, parse_constant=pytest.fail) for line in lines]
        assert [line["message"] for line in parsed[1:]] == ["a %s", "{NaN", "a"]
        assert parsed[2]["value"] is None
    assert capsys.readouterr().err == ""
