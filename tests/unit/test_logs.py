"""Loggers write JSON lines at the level of the setting, whatever Lambda's own level is."""

import json
import logging

import pytest

from logs import json_logger


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
