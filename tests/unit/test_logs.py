"""Loggers write JSON lines at the level of the setting, whatever Lambda's own level is."""

import io
import json
import logging
import math
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aws_lambda_powertools import Logger

from logs import json_logger
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
        *("plain", 'quote " slash \\ / tab \t null \0 delete \x7f line \u2028 smile \U0001f600'),
        *("half of a pair \ud800", "", None, True, -1, 2**64, 10**40, 0.1, math.nan),
        *(datetime(2026, 11, 29, tzinfo=UTC), Decimal("1.10"), b"bytes", {"a"}, (1, "a")),
        *([{"a": [1, None]}], {"failed.ledger": 1}, Hiding(CANARY)),
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
        stream = io.StringIO()
        monkeypatch.setattr(logger.registered_handler, "stream", stream)
        # pytest cannot pass on half of a pair from one of its processes to another.
        monkeypatch.setattr(logging.getLogger(logger.service), "propagate", False)
        logger.info("Line", value=value, other=7)
        try:
            raise ValueError(value)
        except ValueError:
            logger.exception('{"a": "message in JSON"}', value=value)
        texts.append(stream.getvalue().replace("theirs", "ours"))

    assert texts[0] == texts[1]
    assert texts[0].count("\n") == 2
    assert CANARY not in texts[0]
