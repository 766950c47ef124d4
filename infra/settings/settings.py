"""Settings of one stage: read from settings.toml and the CDK context, checked all at once."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from infra.settings import attribute_filter as filters
from infra.settings import values
from infra.settings.regions import GENESYS_ACCOUNT
from infra.settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS, outage_seconds
from infra.settings.rules import check_together

# SQS takes queue names of 80 characters: this many are left beside "queue-ends-" and "-intake".
_STAGE = re.compile(r"(?=.{1,62}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_STAGE_RIGHT = "must be 1 to 62 lower-case letters, digits or hyphens, no hyphen first or last"
_KINDS = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
}


class SettingsError(Exception):
    """Settings that cannot be used; the text lists every mistake with what would be right."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = [f"  - {mistake}" for mistake in mistakes]
        super().__init__("\n".join([f"Queue Ends: {count} in the settings", *lines]))


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings of one stage, and what follows from them.

    Names, defaults and bounds are described beside each key in settings.toml.
    """

    stage: str
    queue_ids: tuple[str, ...]
    genesys_environment: str = "mypurecloud.com"
    genesys_login_url: str | None = None
    genesys_api_url: str | None = None
    genesys_secret: str = "queue-ends/genesys"  # noqa: S105 (the secret's name)
    genesys_account: str = GENESYS_ACCOUNT
    delivery: str = "subscription"
    attribute_filter: str | None = None
    end_rule: str = "touched"
    settle_seconds: int = 60
    archive_days: int = 0
    destinations: tuple[str, ...] = ("actions", "bus")
    webhook_url: str | None = None
    webhook_secret: str | None = None
    webhook_allow_private: bool = False
    batch_size: int = 10
    batching_window_seconds: int = 0
    max_concurrency: int | None = None
    worker_timeout_seconds: int = 30
    worker_memory_mb: int = 256
    max_receive_count: int = 12
    retry_delay_seconds: int = 30
    ledger_days: int = 20
    protect: bool = False
    watchdog: str = "heal"
    alarm_emails: tuple[str, ...] = ()
    silence_hours: int | None = None
    runbook_url: str = "docs/runbook.md"
    log_level: str = "INFO"
    log_retention_days: int = 30
    tracing: bool = False
    packaging: str = "lambda"

    @property
    def stack_name(self) -> str:
        """Name of the CloudFormation stack."""
        return f"QueueEnds-{self.stage}"

    @property
    def subscription_name(self) -> str:
        """Name of the subscription or integration in Genesys Cloud, to find it by again."""
        return f"queue-ends-{self.stage}"

    @property
    def event_source_suffix(self) -> str:
        """End of the name of the partner event source that the integration makes."""
        return self.stack_name

    @property
    def intake_queue_name(self) -> str:
        """Name of the SQS queue that events arrive in."""
        return f"queue-ends-{self.stage}-intake"

    @property
    def dead_letter_queue_name(self) -> str:
        """Name of the SQS queue for messages that could not be processed."""
        return f"queue-ends-{self.stage}-dead"

    @property
    def undelivered_queue_name(self) -> str:
        """Name of the SQS queue for events that EventBridge could not deliver."""
        return f"queue-ends-{self.stage}-undelivered"

    @property
    def settles(self) -> bool:
        """Whether the worker decides about an end some time after it has come."""
        return self.delivery == "eventbridge" and self.end_rule == "last_queue"

    @property
    def login_url(self) -> str:
        """Base URL of Genesys Cloud's login host."""
        return self.genesys_login_url or f"https://login.{self.genesys_environment}"

    @property
    def api_url(self) -> str:
        """Base URL of Genesys Cloud's API host."""
        return self.genesys_api_url or f"https://api.{self.genesys_environment}"

    @property
    def filter_expression(self) -> str:
        """JSONata expression of the subscription: the given one, else the derived one."""
        return self.attribute_filter or filters.derived(self.queue_ids)

    @property
    def visibility_timeout_seconds(self) -> int:
        """Visibility timeout of the intake queue.

        Six times the function's timeout plus the batching window (AWS Lambda Developer Guide,
        "Creating and configuring an Amazon SQS event source mapping"); with the bounds of both
        it stays below the 43,200 s that SQS takes.
        """
        return 6 * self.worker_timeout_seconds + self.batching_window_seconds

    @property
    def outage_seconds(self) -> int:
        """Longest outage of a destination, in seconds, that is ridden out."""
        return outage_seconds(self.retry_delay_seconds, self.max_receive_count)


_CHECKS: dict[str, tuple[type, values.Check]] = {
    "queue_ids": (list, values.queue_ids),
    "genesys_environment": (str, values.environment),
    "genesys_login_url": (str, values.base_url),
    "genesys_api_url": (str, values.base_url),
    "genesys_secret": (str, values.secret_name),
    "genesys_account": (str, values.account_id),
    "delivery": (str, values.one_of("subscription", "eventbridge")),
    "attribute_filter": (str, str),
    "end_rule": (str, values.one_of("touched", "last_queue", "queue_leg")),
    # SQS delays no message for longer.
    "settle_seconds": (int, values.whole_number(0, 900)),
    "archive_days": (int, values.whole_number(0, 3_650)),
    "destinations": (list, values.destinations),
    "webhook_url": (str, values.webhook_url),
    "webhook_secret": (str, values.secret_name),
    "webhook_allow_private": (bool, bool),
    "batch_size": (int, values.whole_number(1, 10_000)),
    "batching_window_seconds": (int, values.whole_number(0, 300)),
    "max_concurrency": (int, values.whole_number(2, 1_000)),
    "worker_timeout_seconds": (int, values.whole_number(5, 900)),
    "worker_memory_mb": (int, values.whole_number(128, 10_240)),
    "max_receive_count": (int, values.whole_number(1, 1_000)),
    "retry_delay_seconds": (int, values.whole_number(1, 900)),
    # No message may outlive what the ledger knows of it.
    "ledger_days": (int, values.whole_number(INTAKE_DAYS + DEAD_LETTER_DAYS, 3_650)),
    "protect": (bool, bool),
    "watchdog": (str, values.one_of("off", "report", "heal")),
    "alarm_emails": (list, values.emails),
    # CloudWatch looks back seven days at most.
    "silence_hours": (int, values.whole_number(1, 168)),
    "runbook_url": (str, values.runbook_url),
    "log_level": (str, values.one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    "log_retention_days": (int, values.retention_days),
    "tracing": (bool, bool),
    "packaging": (str, values.one_of("lambda", "host")),
}
_DEFAULTS = {f.name: f.default for f in fields(Settings) if f.default is not MISSING}


def load(file: Path, context: Mapping[str, object]) -> tuple[Settings, list[str]]:
    """Read and check the settings of one stage; nothing here calls AWS or Genesys Cloud.

    Parameters
    ----------
    file
        The settings.toml: top-level keys are defaults, `[stages.<name>]` overrides them.
    context
        The CDK context: `stage` picks the stage (default `dev`), and each key of a setting
        overrides the file. Values are text, as `-c key=value` gives them, or of the right type.

    Returns
    -------
    tuple[Settings, list[str]]
        The settings, and warnings: what is allowed but looks wrong.

    Raises
    ------
    SettingsError
        With every mistake found, not only the first.
    """
    mistakes: list[str] = []
    table = _read(file, mistakes)
    stage = str(context.get("stage", "dev")).strip()
    if not _STAGE.fullmatch(stage):
        mistakes.append(_mistake("stage", stage, "-c", _STAGE_RIGHT))
    sources = _sources(file, table or {}, stage, context, mistakes)
    chosen = dict(_DEFAULTS)
    for key, (raw, origin) in sources.items():
        if _DEFAULTS.get(key, "") is None and isinstance(raw, str) and not raw.strip():
            continue  # an empty text takes an optional key back to "none"
        try:
            chosen[key] = _checked(key, raw, parse=origin == "-c")
        except ValueError as error:
            chosen.pop(key, None)
            mistakes.append(_mistake(key, raw, origin, str(error)))
    if table is not None and "queue_ids" not in sources:
        mistakes.append(
            'queue_ids is missing: list the ids of your Genesys Cloud queues, queue_ids = ["…"]'
        )
    more_mistakes, warnings = check_together(chosen, stage=stage, written=sources.keys())
    mistakes += more_mistakes
    if mistakes:
        raise SettingsError(mistakes)
    return Settings(stage=stage, **chosen), _typing_slips(context) + warnings


def _read(file: Path, mistakes: list[str]) -> dict[str, Any] | None:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        mistakes.append(f"{file.name} beside app.py cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        mistakes.append(f"{file.name} must be UTF-8 text: {error.reason} at byte {error.start}")
    except tomllib.TOMLDecodeError as error:
        mistakes.append(f"{file.name} is not valid TOML: {error}")
    return None


def _sources(
    file: Path,
    table: dict[str, Any],
    stage: str,
    context: Mapping[str, object],
    mistakes: list[str],
) -> dict[str, tuple[object, str]]:
    """Return key → (value as written, where), the strongest source winning."""
    stages = table.pop("stages", {})
    sources = {key: (value, file.name) for key, value in table.items()}
    unknown = [(key, value, file.name) for key, value in table.items() if key not in _CHECKS]
    if not isinstance(stages, dict):
        mistakes.append(_mistake("stages", stages, file.name, "must be tables: [stages.prod]"))
        stages = {}
    for name, overrides in stages.items():
        place = f"[stages.{name}]"
        if not isinstance(overrides, dict):
            right = f"must be a table: {place} on a line of its own"
            mistakes.append(_mistake(f"stages.{name}", overrides, file.name, right))
            continue
        if not _STAGE.fullmatch(name):
            mistakes.append(f"{place} ({file.name}): a stage's name {_STAGE_RIGHT}")
        unknown += [(key, value, place) for key, value in overrides.items() if key not in _CHECKS]
        if name == stage:
            sources |= {key: (value, place) for key, value in overrides.items()}
    for key, value, place in unknown:
        mistakes.append(_mistake(key, value, place, _no_such_setting(key)))
    sources |= {key: (context[key], "-c") for key in _CHECKS if context.get(key) is not None}
    return {key: source for key, source in sources.items() if key in _CHECKS}


def _no_such_setting(key: str) -> str:
    if key == "stage":
        return "is no setting: tables are [stages.<name>], and -c stage=<name> picks one"
    close = difflib.get_close_matches(key, _CHECKS, n=1)
    return f'is no setting; did you mean "{close[0]}"?' if close else "is no setting"


def _checked(key: str, raw: object, *, parse: bool) -> object:
    kind, check = _CHECKS[key]
    value = _parsed(raw, kind) if parse and isinstance(raw, str) else raw
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"must be {_KINDS[kind]}")
    return check(value.strip() if isinstance(value, str) else value)


def _parsed(text: str, kind: type) -> object:
    """Return what a text from the command line stands for; as it is where that is unclear."""
    text = text.strip()
    if kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is int and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _mistake(key: str, raw: object, origin: str, right: str) -> str:
    shown = json.dumps(raw, ensure_ascii=False, default=str)
    if key.endswith("_url"):
        # What lets somebody in stands before the host, or in the query.
        shown = re.sub(r"\?[^\"#]*", "?***", re.sub(r"//[^/]*@", "//***@", shown))
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return f"{key} = {shown} ({origin}): {right}"


def _typing_slips(context: Mapping[str, object]) -> list[str]:
    close = {
        key: difflib.get_close_matches(key, _CHECKS, n=1, cutoff=0.8)
        for key in context
        if key not in _CHECKS
    }
    return [f'-c {key}=… is no setting; did you mean "{m[0]}"?' for key, m in close.items() if m]
