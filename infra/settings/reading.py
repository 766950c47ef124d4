"""Reading the settings of a stage from settings.toml and the CDK context, checked all at once."""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from infra.settings import checks
from infra.settings.combinations import check_together
from infra.settings.settings import Settings

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
class _Key:
    """How a setting is written, and the check of what is written."""

    kind: type
    check: checks.Check

    @classmethod
    def of(cls, hint: Any) -> _Key:
        """Return the key of a field of `Settings`, by the field's annotation."""
        check: checks.Check = _any
        if get_origin(hint) is Annotated:
            hint, check = get_args(hint)
        # Of an optional setting, the type that it has where it is set.
        kind = next((part for part in get_args(hint) if part in _KINDS), hint)
        return cls(list if get_origin(hint) is tuple else kind, check)


def _any(value: Any) -> Any:
    return value


_KEYS = {
    name: _Key.of(hint)
    for name, hint in get_type_hints(Settings, include_extras=True).items()
    if name != "stage"  # which has no key of its own in the file
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
    try:
        checks.stage(stage)
    except ValueError as error:
        mistakes.append(_mistake("stage", stage, "-c", str(error)))
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
    unknown = [(key, value, file.name) for key, value in table.items() if key not in _KEYS]
    if not isinstance(stages, dict):
        mistakes.append(_mistake("stages", stages, file.name, "must be tables: [stages.prod]"))
        stages = {}
    for name, overrides in stages.items():
        place = f"[stages.{name}]"
        if not isinstance(overrides, dict):
            right = f"must be a table: {place} on a line of its own"
            mistakes.append(_mistake(f"stages.{name}", overrides, file.name, right))
            continue
        try:
            checks.stage(name)
        except ValueError as error:
            mistakes.append(f"{place} ({file.name}): a stage's name {error}")
        unknown += [(key, value, place) for key, value in overrides.items() if key not in _KEYS]
        if name == stage:
            sources |= {key: (value, place) for key, value in overrides.items()}
    for key, value, place in unknown:
        mistakes.append(_mistake(key, value, place, _no_such_setting(key)))
    sources |= {key: (context[key], "-c") for key in _KEYS if context.get(key) is not None}
    return {key: source for key, source in sources.items() if key in _KEYS}


def _no_such_setting(key: str) -> str:
    if key == "stage":
        return "is no setting: tables are [stages.<name>], and -c stage=<name> picks one"
    close = difflib.get_close_matches(key, _KEYS, n=1)
    return f'is no setting; did you mean "{close[0]}"?' if close else "is no setting"


def _checked(key: str, raw: object, *, parse: bool) -> object:
    kind = _KEYS[key].kind
    value = _parsed(raw, kind) if parse and isinstance(raw, str) else raw
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"must be {_KINDS[kind]}")
    return _KEYS[key].check(value.strip() if isinstance(value, str) else value)


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
        key: difflib.get_close_matches(key, _KEYS, n=1, cutoff=0.8)
        for key in context
        if key not in _KEYS
    }
    return [f'-c {key}=… is no setting; did you mean "{m[0]}"?' for key, m in close.items() if m]
