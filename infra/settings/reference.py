"""Writes docs/settings.md, and the comments of settings.toml, from the rows of `Settings`.

Run it after a change of a row: `python -m infra.settings.reference`. It keeps the values and stages
of settings.toml; a comment of your own above the stages is lost.
"""

import inspect
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path

from infra.settings.checks import Between, OneOf
from infra.settings.key import Key
from infra.settings.settings import KEYS, Settings

_PROJECT = Path(__file__).parents[2]
_TYPES = {str: "text", int: "number", bool: "true or false", list: "list of texts"}
_TOML_HEAD = """\
# Settings of Queue Ends. What is commented out shows the default, or an example where the comment
# says so. docs/settings.md has the same as tables.
# Any key can be overridden for one command: cdk deploy -c queue_ids=id1,id2 -c batch_size=5
"""
_STAGES = (
    "A stage overrides the values above: cdk deploy -c stage=prod. A stage without a table takes "
    "them as they are."
)
_PAGE_HEAD = """\
# Settings

Every key of [`settings.toml`](../settings.toml). Do not edit this page:
`.venv/bin/python -m infra.settings.reference` writes it from
[`infra/settings/settings.py`](../infra/settings/settings.py).

The keys at the top of the file hold for every stage, `[stages.prod]` overrides them for one, and
`-c key=value` for one command, with commas between the parts of a list. `-c stage=prod` picks the
stage; without it the stage is `dev`. An empty text takes an optional key back to *none*. Every
`cdk` command lists [all mistakes](troubleshooting.md#mistakes) at once.
"""


def sections() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each section of the rows: its title, and the help text of each of its keys."""
    source = inspect.getsource(Settings)
    for section in re.split(r"^    # (?=[A-Z].*:$)", source, flags=re.MULTILINE)[1:]:
        title, rows = section.split(":\n", 1)
        found = re.findall(r'^    (\w+): .*?\n    """(.*?)"""', rows, re.MULTILINE | re.DOTALL)
        yield title, {name: " ".join(text.split()) for name, text in found}


def settings_toml(current: str) -> str:
    """Return settings.toml with the comments of the rows, and the values that it holds now."""
    values = _assignments(current)
    parts = [_TOML_HEAD]
    for title, rows in sections():
        parts.append(f"\n# {title}:\n")
        for name, text in rows.items():
            parts += [_comment(name, text), values.get(name) or _shown(name)]
    stages = re.search(r"^(# )?\[.*", current, re.MULTILINE | re.DOTALL)
    return "".join([*parts, "\n", _wrapped(_STAGES), stages[0] if stages else ""])


def missing_from(current: str) -> list[str]:
    """Return the comments, and commented-out defaults, that a settings.toml lacks.

    Its user's values, examples, stages and own comments may be any.
    """
    values = _assignments(current)
    wanted = [_TOML_HEAD, _wrapped(_STAGES)]
    for title, rows in sections():
        wanted.append(f"# {title}:\n")
        for name, text in rows.items():
            is_default = name not in values and not KEYS[name].example
            wanted.append(_comment(name, text) + (_shown(name) if is_default else ""))
    return [part for part in wanted if part not in current]


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [_PAGE_HEAD]
    for title, rows in sections():
        parts.append(
            f"\n## {title}\n\n| key | type | default | values | meaning |\n{'|---' * 5}|\n"
        )
        for name, text in rows.items():
            key = KEYS[name]
            values = str(key.check) if isinstance(key.check, Between | OneOf) else ""
            meaning = re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", _only_with(key) + text)
            meaning = re.sub(r'"([\w-]+)"(?!: ")', r"`\1`", meaning)
            cells = f"`{name}`", _TYPES[key.kind], f"`{_value(key.default)}`", values, meaning
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _comment(name: str, text: str) -> str:
    key = KEYS[name]
    bounds = f" From {key.check}." if isinstance(key.check, Between) else ""
    example = ""
    if key.example and key.default is not MISSING:
        example = f" The default is {_value(key.default)}; for example:"
    return _wrapped(f"{_only_with(key)}{text}{bounds}{example}")


def _only_with(key: Key) -> str:
    return f'Only with delivery = "{key.only_with.delivery}". ' if key.only_with else ""


def _shown(name: str) -> str:
    key = KEYS[name]
    mark = "" if key.default is MISSING else "# "
    return f"{mark}{name} = {_value(key.example.value if key.example else key.default)}\n"


def _value(value: object) -> str:
    """Return a value as TOML writes it, or a word where there is none."""
    words = {None: "none", MISSING: "required"}
    return words[value] if value in words else json.dumps(value, ensure_ascii=False)


def _wrapped(text: str) -> str:
    lines = textwrap.wrap(text, 98, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _assignments(text: str) -> dict[str, str]:
    """Return the assignments above the first table, as they are written."""
    found: dict[str, str] = {}
    statement = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            break
        if statement or re.match(r"\w+\s*=", line):
            statement += line
            try:
                (name,) = tomllib.loads(statement)
            except tomllib.TOMLDecodeError:
                continue  # a list that goes on
            found[name], statement = statement, ""
    return found


if __name__ == "__main__":
    _toml = _PROJECT / "settings.toml"
    _toml.write_text(settings_toml(_toml.read_text(encoding="utf-8")), encoding="utf-8")
    (_PROJECT / "docs/settings.md").write_text(settings_page(), encoding="utf-8")
