"""The comments of settings.toml, and docs/settings.md, are those of the rows of `Settings`."""

import tomllib
from pathlib import Path

import pytest

from infra.settings.checks import DESTINATIONS, OneOf
from infra.settings.reference import missing_from, sections, settings_page, settings_toml
from infra.settings.settings import EXAMPLE_QUEUES, KEYS, Settings
from tests.unit.infra.conftest import Load

PROJECT = Path(__file__).parents[3]
FRESH = settings_toml("")
EDITED = (
    FRESH.replace(str(EXAMPLE_QUEUES[0]), "c3d4e5f6-a7b8-4012-9456-7890abcdef12")
    .replace("# batch_size = 10\n", "batch_size = 5 # as our action is slow\n")
    .replace('# genesys_secret = "queue-ends/genesys"\n', 'genesys_secret = "ours"\n')
    .replace(
        "# alarm_emails", "# The team.\nalarm_emails = [\n  'a@example.com',\n]\n# alarm_emails"
    )
    + '\n[stages.qa] # ours\nbatch_size = 7\n\n[stages."qa-2"]\nqueue_ids = ["q"]\n'
)
RUN = "out of date: run `python -m infra.settings.reference`"


def test_the_comments_in_settings_toml_are_those_of_the_rows() -> None:
    assert missing_from((PROJECT / "settings.toml").read_text(encoding="utf-8")) == [], RUN


def test_the_page_on_settings_is_that_of_the_rows() -> None:
    page = (PROJECT / "docs/settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), RUN


def test_every_key_is_explained_with_all_words_that_it_takes() -> None:
    explained = {name: text for _, rows in sections() for name, text in rows.items()}
    assert list(explained) == list(KEYS)
    for name, text in explained.items():
        assert text.endswith((".", "}")), name
        check = KEYS[name].check
        words = check.words if isinstance(check, OneOf) else ()
        words = DESTINATIONS if name == "destinations" else words
        assert [word for word in words if word not in text] == []


def test_a_key_belongs_to_a_delivery_that_can_be_chosen() -> None:
    deliveries = {key.only_with.delivery for key in KEYS.values() if key.only_with}
    assert deliveries == set(str(KEYS["delivery"].check).split(", "))


def test_the_keys_stand_in_sections() -> None:
    assert [title for title, _ in sections()] == [
        "Queues", "Genesys Cloud", "Destinations", "Worker", "Watch", "Logs", "Packaging"
    ]  # fmt: skip


def test_a_fresh_file_has_the_defaults_and_gives_no_warning(loaded: Load) -> None:
    assert loaded(FRESH) == (Settings(stage="dev", queue_ids=EXAMPLE_QUEUES), [])


def test_every_value_that_a_fresh_file_shows_can_be_uncommented(loaded: Load) -> None:
    lines = [line.removeprefix("# ") for line in FRESH.partition("# [stages")[0].splitlines()]
    shown = {line.partition(" = ")[0]: line for line in lines if " = " in line}
    assert KEYS.keys() <= shown.keys()
    settings, _ = loaded("\n".join(shown[name] for name in KEYS))
    assert (settings.silence_hours, settings.max_concurrency) == (24, 20)


def test_a_user_s_own_values_stages_and_comments_are_not_out_of_date() -> None:
    assert missing_from(EDITED) == []


def test_a_comment_that_was_changed_and_an_old_default_are_missed() -> None:
    changed = FRESH.replace("full batch", "whole batch").replace(
        "# tracing = false", "# tracing = true"
    )
    assert [part.splitlines()[-1] for part in missing_from(changed)] == [
        "# batching_window_seconds = 0",
        "# tracing = false",
    ]


def test_writing_the_comments_anew_keeps_the_values_and_stages() -> None:
    old = EDITED.replace("# Seconds to wait", "# How long to wait").replace("\n# Watch:", "")
    new = settings_toml(old)
    assert tomllib.loads(new) == tomllib.loads(EDITED)
    assert missing_from(new) == []
    assert settings_toml(new) == new


@pytest.mark.parametrize("name", KEYS)
def test_the_page_has_a_row_for_each_key(name: str) -> None:
    assert settings_page().count(f"\n| `{name}` | ") == 1
