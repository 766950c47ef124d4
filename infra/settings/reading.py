"""Reading the settings of a stage from settings.toml and the CDK context, checked all at once."""

import difflib
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from infra.settings import checks
from infra.settings.combinations import mistakes_together, warnings_about
from infra.settings.settings import KEYS, Settings

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
        The settings, and warnings: values that are allowed but look wrong.

    Raises
    ------
    SettingsError
        With every mistake found, not only the first.
    """
    mistakes: list[str] = []
    table = _read(file, mistakes)
    stage = str(context.get("stage", "dev")).strip()
    try:
        checks.stage(stage)
    except ValueError as error:
        mistakes.append(_mistake("stage", stage, "-c", str(error)))
    written = _written(file.name, table or {}, stage, context, mistakes)
    chosen: dict[str, Any] = {
        name: key.default for name, key in KEYS.items() if key.default is not MISSING
    }
    for name, (raw, origin) in written.items():
        try:
            chosen[name] = _checked(name, raw, from_text=origin == "-c")
        except ValueError as error:
            chosen.pop(name, None)
            mistakes.append(_mistake(name, raw, origin, str(error)))
    if table is not None and "queue_ids" not in written:
        mistakes.append(
            'queue_ids is missing: list the ids of your Genesys Cloud queues, queue_ids = ["…"]'
        )
    mistakes += mistakes_together({**chosen, "stage": stage})
    if mistakes:
        raise SettingsError(mistakes)
    settings = Settings(stage=stage, **chosen)
    return settings, [*_typing_slips(context), *warnings_about(settings, written)]


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


def _written(
    file: str,
    table: dict[str, Any],
    stage: str,
    context: Mapping[str, object],
    mistakes: list[str],
) -> dict[str, tuple[object, str]]:
    """Return each key that is written somewhere: its value and where the strongest of them is."""
    tables = {file: table}
    stages = table.pop("stages", {})
    if not isinstance(stages, dict):
        mistakes.append(_mistake("stages", stages, file, "must be tables: [stages.prod]"))
        stages = {}
    for name, overrides in stages.items():
        place = f"[stages.{name}]"
        if not isinstance(overrides, dict):
            right = f"must be a table: {place} on a line of its own"
            mistakes.append(_mistake(f"stages.{name}", overrides, file, right))
            continue
        try:
            checks.stage(name)
        except ValueError as error:
            mistakes.append(f"{place} ({file}): a stage's name {error}")
        tables[place] = overrides
    for place, values in tables.items():
        unknown = [key for key in values if key not in KEYS]
        mistakes += [_mistake(key, values[key], place, _no_such_setting(key)) for key in unknown]
    given = {key: context[key] for key in KEYS if context.get(key) is not None}
    strongest = (
        (file, table),
        (f"[stages.{stage}]", tables.get(f"[stages.{stage}]", {})),
        ("-c", given),
    )
    return {
        key: (value, place)
        for place, values in strongest
        for key, value in values.items()
        if key in KEYS
    }


def _no_such_setting(key: str) -> str:
    if key == "stage":
        return "is no setting: tables are [stages.<name>], and -c stage=<name> picks one"
    close = difflib.get_close_matches(key, KEYS, n=1)
    return f'is no setting; did you mean "{close[0]}"?' if close else "is no setting"


def _checked(name: str, raw: object, *, from_text: bool) -> object:
    key = KEYS[name]
    if key.default is None and isinstance(raw, str) and not raw.strip():
        return None  # an empty text takes an optional key back to "none"
    value = _parsed(raw, key.kind) if from_text and isinstance(raw, str) else raw
    if not isinstance(value, key.kind) or (key.kind is int and isinstance(value, bool)):
        raise ValueError(f"must be {_KINDS[key.kind]}")
    return key.check(value.strip() if isinstance(value, str) else value)


def _parsed(text: str, kind: type) -> object:
    """Return the value that a text from the command line stands for; unclear, the text itself."""
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
        # A password stands before the host, or in the query.
        shown = re.sub(r"\?[^\"#]*", "?***", re.sub(r"//[^/]*@", "//***@", shown))
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return f"{key} = {shown} ({origin}): {right}"


def _typing_slips(context: Mapping[str, object]) -> Iterator[str]:
    for name in context:
        close = difflib.get_close_matches(name, KEYS, n=1, cutoff=0.8)
        if close and name not in KEYS:
            yield f'-c {name}=… is no setting; did you mean "{close[0]}"?'
