"""The comments in settings.toml, and docs/settings.md, match the fields of `Settings`."""

import tomllib
from pathlib import Path

import pytest

from infra.settings.checks import DESTINATIONS, OneOf
from infra.settings.reference import (
    help_sections,
    missing_comments,
    render_settings_page,
    render_settings_toml,
)
from infra.settings.settings import EXAMPLE_QUEUE_IDS, KEYS, Settings
from tests.unit.infra.conftest import LoadSettings

PROJECT = Path(__file__).parents[3]
FRESH = render_settings_toml("")
EDITED = (
    FRESH.replace(str(EXAMPLE_QUEUE_IDS[0]), "c3d4e5f6-a7b8-4012-9456-7890abcdef12")
    .replace("# batch_size = 10\n", "batch_size = 5 # because our action is slow\n")
    .replace('# genesys_secret = "queue-ends/genesys"\n', 'genesys_secret = "ours"\n')
    .replace(
        "# alarm_emails", "# The team.\nalarm_emails = [\n  'a@example.com',\n]\n# alarm_emails"
    )
    + '\n[stages.qa] # ours\nbatch_size = 7\n\n[stages."qa-2"]\nqueue_ids = ["q"]\n'
)
ADVICE = "out of date: run `python -m infra.settings.reference`"


def test_the_comments_in_settings_toml_match_the_fields() -> None:
    assert missing_comments((PROJECT / "settings.toml").read_text(encoding="utf-8")) == [], ADVICE


def test_the_page_on_settings_matches_the_fields() -> None:
    page = (PROJECT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == render_settings_page(), ADVICE


def test_every_help_text_names_all_words_that_its_key_accepts() -> None:
    help_texts = {name: text for _, texts in help_sections() for name, text in texts.items()}
    assert list(help_texts) == list(KEYS)
    for name, text in help_texts.items():
        assert text.endswith((".", "}")), name
        check = KEYS[name].check
        words = check.words if isinstance(check, OneOf) else ()
        words = DESTINATIONS if name == "destinations" else words
        assert [word for word in words if word not in text] == []


def test_keys_are_annotated_only_with_deliveries_that_exist() -> None:
    deliveries = {key.only_with.delivery for key in KEYS.values() if key.only_with}
    assert deliveries
    assert deliveries <= set(str(KEYS["delivery"].check).split(", "))


def test_the_keys_are_in_sections() -> None:
    assert [title for title, _ in help_sections()] == [
        "Queues", "Genesys Cloud", "Details", "Destinations", "Worker", "Monitoring", "Logs",
        "AWS account", "Code",
    ]  # fmt: skip


def test_a_fresh_file_has_the_defaults_and_gives_no_warning(load_settings: LoadSettings) -> None:
    assert load_settings(FRESH) == (Settings(stage="dev", queue_ids=EXAMPLE_QUEUE_IDS), [])


def test_every_line_of_a_fresh_file_can_be_uncommented(
    load_settings: LoadSettings,
) -> None:
    lines = [line.removeprefix("# ") for line in FRESH.partition("# [stages")[0].splitlines()]
    line_by_key = {line.partition(" = ")[0]: line for line in lines if " = " in line}
    assert KEYS.keys() <= line_by_key.keys()
    settings, _ = load_settings("\n".join(line_by_key[name] for name in KEYS))
    assert (settings.silence_hours, settings.max_concurrency) == (24, 20)


def test_values_stages_and_comments_of_the_user_are_not_out_of_date() -> None:
    assert missing_comments(EDITED) == []


def test_a_changed_comment_and_an_old_default_are_out_of_date() -> None:
    changed = FRESH.replace("full batch", "whole batch").replace(
        "# tracing = false", "# tracing = true"
    )
    assert [part.splitlines()[-1] for part in missing_comments(changed)] == [
        "# batching_window_seconds = 0",
        "# tracing = false",
    ]


def test_updating_the_comments_keeps_the_values_and_stages() -> None:
    old = EDITED.replace("# Seconds to wait", "# How long to wait").replace("\n# Monitoring:", "")
    new = render_settings_toml(old)
    assert tomllib.loads(new) == tomllib.loads(EDITED)
    assert missing_comments(new) == []
    assert render_settings_toml(new) == new


@pytest.mark.parametrize("name", KEYS)
def test_the_page_has_a_row_for_each_key(name: str) -> None:
    assert render_settings_page().count(f"\n| `{name}` | ") == 1
