"""Read the settings of a stage from settings.toml and the CDK context, and check them."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, replace
from pathlib import Path
from typing import Any

from . import checks
from .combinations import find_conflicts, find_warnings
from .settings import KEYS, Settings

# How messages name the CDK context, even if a value in it is from cdk.json.
_CONTEXT = "-c"
# How messages name a Python program.
_PYTHON = "make_settings"
_UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# The values are shorter, but a key, a stage's name or a list of ids can be of any length.
_MAX_MESSAGE_CHARACTERS = 1_500
_TYPE_NAMES = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    list: "a list of texts",
    dict: 'a table of texts, such as { team = "contact-centre" }',
}


class SettingsError(Exception):
    """The settings cannot be used. The message lists every mistake."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes = [_one_line(mistake) for mistake in mistakes]
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        lines = [f"  - {mistake}" for mistake in mistakes]
        super().__init__("\n".join([f"Queue Ends: {count} in the settings", *lines]))


def load(
    file: Path, context: Mapping[str, object], region: str | None = None
) -> tuple[Settings, list[str]]:
    """Read and check the settings of one stage.

    Parameters
    ----------
    file
        The path of settings.toml. Its top-level keys apply to every stage, and the table
        `[stages.<name>]` overrides them for one stage.
    context
        The CDK context. The key `stage` selects the stage; the default is `dev`. The key
        `deployed_at` is the time of a deploy, which then looks up the queues' names anew. A setting
        in the context overrides the same setting in settings.toml. A value from `-c key=value` is
        a string; a value from cdk.json has the setting's type.
    region
        The AWS region that the stack will be deployed to; None if it is not known.

    Returns
    -------
    tuple[Settings, list[str]]
        The settings, and warnings about values that are allowed but look wrong.

    Raises
    ------
    SettingsError
        If there are mistakes.
    """
    mistakes: list[str] = []
    content = _read_toml(file, mistakes)
    stage = str(context.get("stage", "dev")).strip()
    deployed_at = str(context.get("deployed_at") or "").strip() or None
    if deployed_at and not _UTC_TIME.fullmatch(deployed_at):
        requirement = "must be a time in UTC such as 2026-12-01T10:00:00Z"
        mistakes.append(_format_mistake("deployed_at", deployed_at, _CONTEXT, requirement))
    tables = _tables_by_origin(file.name, content or {}, mistakes)
    tables[_CONTEXT] = {name: context[name] for name in KEYS if context.get(name) is not None}
    raw_values = {
        name: (raw, origin)
        # An origin overrides the origins before it.
        for origin in (file.name, f"[stages.{stage}]", _CONTEXT)
        for name, raw in tables.get(origin, {}).items()
        if name in KEYS
    }
    settings = _check_all(
        raw_values,
        mistakes,
        stage=(stage, _CONTEXT),
        deployed_at=deployed_at,
        region=region,
        # A file that cannot be read may well contain queue_ids.
        may_lack_queue_ids=content is None,
    )
    if "actions_path" in raw_values:
        # A relative path begins at settings.toml, wherever the command runs.
        settings = replace(settings, actions_path=str(file.parent / settings.actions_path))
    warnings = [*_typo_warnings(context), *find_warnings(settings, raw_values)]
    return settings, [_one_line(warning) for warning in warnings]


def make_settings(stage: str = "dev", *, region: str | None = None, **values: object) -> Settings:
    """Make and check the settings of one stage from Python values.

    Parameters
    ----------
    stage
        The name of the stage.
    region
        The AWS region that the stack will be deployed to; None if it is not known.
    values
        The settings by key, as docs/settings.md lists them. A list can also be a tuple.

    Raises
    ------
    SettingsError
        If there are mistakes.
    """
    mistakes = [
        _format_mistake(key, value, _PYTHON, _unknown_key_message(key))
        for key, value in values.items()
        if key not in KEYS
    ]
    raw_values = {
        name: (list(value) if isinstance(value, tuple) else value, _PYTHON)
        for name, value in values.items()
        if name in KEYS and value is not None
    }
    # The region of a stack without a fixed environment is a token of the CDK.
    known_region = None if region and region.startswith("${Token[") else region
    return _check_all(raw_values, mistakes, stage=(stage, _PYTHON), region=known_region)


def _check_all(
    raw_values: Mapping[str, tuple[object, str]],
    mistakes: list[str],
    *,
    stage: tuple[str, str],
    region: str | None,
    deployed_at: str | None = None,
    may_lack_queue_ids: bool = False,
) -> Settings:
    """Check raw values, each with its origin, and return the settings.

    `mistakes` are those that are known already. If there are any in the end, raise `SettingsError`.
    """
    stage_name, stage_origin = stage
    try:
        checks.check_stage(stage_name)
    except ValueError as error:
        mistakes.append(_format_mistake("stage", stage_name, stage_origin, str(error)))
    values: dict[str, Any] = {
        name: key.default
        for name, key in KEYS.items()
        if name not in raw_values and key.default is not MISSING
    }
    for name, (raw, origin) in raw_values.items():
        try:
            values[name] = _check(name, raw, origin)
        except ValueError as error:
            mistakes.append(_format_mistake(name, raw, origin, str(error)))
    if "queue_ids" not in raw_values and not may_lack_queue_ids:
        mistakes.append(
            'queue_ids is missing: list the ids of your Genesys Cloud queues, queue_ids = ["…"]'
        )
    mistakes += find_conflicts({**values, "stage": stage_name, "region": region})
    if mistakes:
        raise SettingsError(mistakes)
    return Settings(stage=stage_name, deployed_at=deployed_at, region=region, **values)


def _read_toml(file: Path, mistakes: list[str]) -> dict[str, Any] | None:
    """Return the content of settings.toml. If that fails, add a mistake and return None."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        mistakes.append(f"{file.name} beside app.py cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        mistakes.append(f"{file.name} must be UTF-8 text: {error.reason} at byte {error.start}")
    except RecursionError:
        mistakes.append(f"{file.name} is not valid TOML: its values are nested too deeply")
    except ValueError as error:  # also about a number of thousands of digits
        mistakes.append(f"{file.name} is not valid TOML: {error}")
    return None


def _tables_by_origin(
    file_name: str, content: dict[str, Any], mistakes: list[str]
) -> dict[str, dict[str, Any]]:
    """Split the content of settings.toml into tables, and add any mistakes to the list.

    Return the top-level keys under the file's name, and each stage's table under its header, such
    as `[stages.prod]`.
    """
    stages = content.pop("stages", {})
    tables = {file_name: content}
    if not isinstance(stages, dict):
        requirement = "must be tables: [stages.prod]"
        mistakes.append(_format_mistake("stages", stages, file_name, requirement))
        stages = {}
    for name, overrides in stages.items():
        origin = f"[stages.{name}]"
        if not isinstance(overrides, dict):
            requirement = f"must be a table: {origin} on a line of its own"
            mistakes.append(_format_mistake(f"stages.{name}", overrides, file_name, requirement))
            continue
        try:
            checks.check_stage(name)
        except ValueError as error:
            mistakes.append(f"{origin} ({file_name}): a stage's name {error}")
        tables[origin] = overrides
    for origin, values in tables.items():
        mistakes += [
            _format_mistake(key, value, origin, _unknown_key_message(key))
            for key, value in values.items()
            if key not in KEYS
        ]
    return tables


def _unknown_key_message(key: str) -> str:
    if key == "stage":
        return (
            "is no setting: put a stage's settings into the table [stages.<name>], and choose the "
            "stage with -c stage=<name>"
        )
    close = difflib.get_close_matches(key, KEYS, n=1)
    return f'is no setting; did you mean "{close[0]}"?' if close else "is no setting"


def _check(name: str, raw: object, origin: str) -> object:
    """Check a raw value. Return the value to use, or raise ValueError with the requirement."""
    key = KEYS[name]
    if key.default is None and isinstance(raw, str) and not raw.strip():
        return None  # an empty string unsets the key
    value = _parse(raw, key.value_type) if origin == _CONTEXT and isinstance(raw, str) else raw
    if type(value) is not key.value_type:
        raise ValueError(f"must be {_TYPE_NAMES[key.value_type]}")
    return key.check(value.strip() if isinstance(value, str) else value)


def _parse(text: str, value_type: type) -> object:
    """Convert a string from the CDK context to a type. If that fails, return the string."""
    text = text.strip()
    if value_type in (list, dict):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if value_type is list:
            return parts
        return dict(part.split("=", 1) for part in parts) if all("=" in p for p in parts) else text
    if value_type is int and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    if value_type is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _format_mistake(key: str, raw: object, origin: str, requirement: str) -> str:
    try:
        value = json.dumps(raw, ensure_ascii=False, default=str)
    except ValueError:  # Python writes no number of thousands of digits.
        value = "a number that is too long"
    if key.endswith("_url"):
        # The user name, password and query of a URL may be secret.
        value = re.sub(r"\?[^\"#]*", "?***", re.sub(r"//[^/]*@", "//***@", value))
    value = value if len(value) <= 120 else f"{value[:117]}..."
    return f"{key} = {value} ({origin}): {requirement}"


def _one_line(text: str) -> str:
    """Return a message without characters that a terminal would obey, and of a bounded length."""
    text = "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)
    return text if len(text) <= _MAX_MESSAGE_CHARACTERS else f"{text[:_MAX_MESSAGE_CHARACTERS]}..."


def _typo_warnings(context: Mapping[str, object]) -> Iterator[str]:
    for name in context:  # the context also contains keys of the CDK
        close = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.8)
        if close and name not in KEYS:
            yield f'-c {name}=… is no setting; did you mean "{close[0]}"?'
