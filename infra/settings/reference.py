"""Write docs/settings.md, and the comments in settings.toml, from the fields of `Settings`.

Run `python -m infra.settings.reference` after you change a field. The values and stages in
settings.toml are kept. Comments that you have added above the stages are lost.
"""

import inspect
import json
import re
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING
from pathlib import Path

from .account.fields import AccountSettings
from .checks import Between, OneOf
from .key import Key
from .settings import KEYS, Settings

_PROJECT = Path(__file__).parents[2]
_TYPES = {
    str: "text",
    int: "number",
    bool: "true or false",
    list: "list of texts",
    dict: "table of texts",
}
_TOML_HEAD = """\
# Settings of Queue Ends. A commented-out line shows the default, or an example if the comment above
# it ends with "Example:". docs/settings.md lists the same keys in tables.
# You can override any key for one command: cdk deploy -c queue_ids=id1,id2 -c batch_size=5
"""
_STAGES_COMMENT = (
    "A stage can override the values above in a table of its own. Deploy the stage "
    "prod with cdk deploy -c stage=prod. A stage without a table uses the values above."
)
_PAGE_HEAD = """\
# Settings

This page lists every key of [`settings.toml`](../settings.toml). Do not edit the page:
`.venv/bin/python -m infra.settings.reference` writes it from
[`infra/settings/settings.py`](../infra/settings/settings.py).

The keys at the top of `settings.toml` apply to every stage. The table `[stages.prod]` overrides
them for the stage `prod`, and `-c key=value` overrides both for one command. On the command line,
separate the items of a list with commas. `-c stage=prod` selects the stage; the default is `dev`.
An empty text unsets a key whose default is `none`. Every `cdk` command checks the settings, and
lists [all mistakes](troubleshooting.md#mistakes) at once.
"""


def help_sections() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the title of each section of `Settings`, and its keys' help texts by key."""
    sources = [inspect.getsource(declaring) for declaring in (Settings, AccountSettings)]
    for section in (part for source in sources for part in _split_sections(source)):
        title, fields = section.split(":\n", 1)
        texts = re.findall(r'^    (\w+): .*?\n    """(.*?)"""', fields, re.MULTILINE | re.DOTALL)
        yield title, {name: " ".join(text.split()) for name, text in texts}


def _split_sections(source: str) -> list[str]:
    return re.split(r"^    # (?=[A-Z].*:$)", source, flags=re.MULTILINE)[1:]


def render_settings_toml(current_text: str) -> str:
    """Return the text of settings.toml with its current values and stages, but fresh comments."""
    assignments = _find_assignments(current_text)
    parts = [_TOML_HEAD]
    for title, help_texts in help_sections():
        parts.append(f"\n# {title}:\n")
        for name, help_text in help_texts.items():
            parts += [_help_comment(name, help_text), assignments.get(name) or _fresh_line(name)]
    # The stages begin with the first table's header, which may be commented out.
    stages = re.search(r"^(# )?\[.*", current_text, re.MULTILINE | re.DOTALL)
    return "".join([*parts, "\n", _wrap_comment(_STAGES_COMMENT), stages[0] if stages else ""])


def missing_comments(current_text: str) -> list[str]:
    """Return the comments and commented-out defaults that are missing from settings.toml.

    Examples are not checked. Neither are values, stages and comments that the user has written.
    """
    assignments = _find_assignments(current_text)
    expected = [_TOML_HEAD, _wrap_comment(_STAGES_COMMENT)]
    for title, help_texts in help_sections():
        expected.append(f"# {title}:\n")
        for name, help_text in help_texts.items():
            shows_default = name not in assignments and not KEYS[name].example
            default_line = _fresh_line(name) if shows_default else ""
            expected.append(_help_comment(name, help_text) + default_line)
    return [part for part in expected if part not in current_text]


def render_settings_page() -> str:
    """Return the content of docs/settings.md."""
    parts = [_PAGE_HEAD]
    for title, help_texts in help_sections():
        parts.append(
            f"\n## {title}\n\n| key | type | default | values | meaning |\n{'|---' * 5}|\n"
        )
        for name, help_text in help_texts.items():
            key = KEYS[name]
            values = str(key.check) if isinstance(key.check, Between | OneOf) else ""
            meaning = re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", _delivery_note(key) + help_text)
            # A word in quotes becomes code, except for a JSON key such as "client_id": "...".
            meaning = re.sub(r'"([\w-]+)"(?!: ")', r"`\1`", meaning)
            cells = (
                f"`{name}`",
                _TYPES[key.value_type],
                f"`{_format_default(key)}`",
                values,
                meaning,
            )
            parts.append(f"| {' | '.join(cells)} |\n")
    return "".join(parts)


def _help_comment(name: str, help_text: str) -> str:
    key = KEYS[name]
    limits = f" Allowed: {key.check}." if isinstance(key.check, Between) else ""
    example = ""
    if key.example and key.default is not MISSING:
        example = f" The default is {_format_default(key)}. Example:"
    return _wrap_comment(f"{_delivery_note(key)}{help_text}{limits}{example}")


def _delivery_note(key: Key) -> str:
    return f'Used only with delivery = "{key.only_with.delivery}". ' if key.only_with else ""


def _fresh_line(name: str) -> str:
    """Return a key's line in a fresh settings.toml, commented out unless the key is required."""
    key = KEYS[name]
    prefix = "" if key.default is MISSING else "# "
    value = _format_value(key.example.value) if key.example else _format_default(key)
    return f"{prefix}{name} = {value}\n"


def _format_value(value: object) -> str:
    """Return a value as TOML, but None as the word none, and MISSING as the word required."""
    match value:
        case None:
            return "none"
        case _ if value is MISSING:
            return "required"
        case dict():
            pairs = [f"{key} = {_format_value(text)}" for key, text in value.items()]
            return f"{{ {', '.join(pairs)} }}" if pairs else "{}"
    return json.dumps(value, ensure_ascii=False)


def _format_default(key: Key) -> str:
    # A field's default is a value after its check, which turns a table into a tuple of pairs.
    is_empty_table = key.value_type is dict and not key.default
    return _format_value({} if is_empty_table else key.default)


def _wrap_comment(text: str) -> str:
    lines = textwrap.wrap(text, 98, break_long_words=False, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _find_assignments(text: str) -> dict[str, str]:
    """Return, for each key that is set above the first table, the lines that set it."""
    assignments: dict[str, str] = {}
    statement = ""
    for line in text.splitlines(keepends=True):
        if line.startswith("["):
            break
        if statement or re.match(r"\w+\s*=", line):
            statement += line
            try:
                (name,) = tomllib.loads(statement)
            except tomllib.TOMLDecodeError:
                continue  # the value is a list that continues on the next line
            assignments[name], statement = statement, ""
    return assignments


if __name__ == "__main__":
    _toml = _PROJECT / "settings.toml"
    _toml.write_text(render_settings_toml(_toml.read_text(encoding="utf-8")), encoding="utf-8")
    (_PROJECT / "docs/settings.md").write_text(render_settings_page(), encoding="utf-8")
