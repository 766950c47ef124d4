"""Fixtures that load settings from the content of a settings.toml and a CDK context."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from infra.settings import attribute_filter
from infra.settings.reading import SettingsError, load
from infra.settings.settings import Settings

QUEUE = "a1b2c3d4-e5f6-7890-1234-567890abcdef"
OTHER_QUEUE = "b2c3d4e5-f6a7-4901-8345-67890abcdef1"
# Longer than the limit for users, which could be too short on a machine under load.
FILTER_TIMEOUT_SECONDS = 600

LoadSettings = Callable[..., tuple[Settings, list[str]]]
FindMistakes = Callable[..., list[str]]


@pytest.fixture
def load_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LoadSettings:
    """Return a function that loads settings from a string, by default with one queue id."""
    patient_trial = partial(
        attribute_filter.try_filter_in_subprocess,
        timeout_seconds=FILTER_TIMEOUT_SECONDS,
        max_seconds_per_event=FILTER_TIMEOUT_SECONDS,
    )
    monkeypatch.setattr(attribute_filter, "try_filter_in_subprocess", patient_trial)

    def load_text(
        text: str = f'queue_ids = ["{QUEUE}"]', **context: object
    ) -> tuple[Settings, list[str]]:
        file = tmp_path / "settings.toml"
        file.write_text(text, encoding="utf-8")
        return load(file, context)

    return load_text


@pytest.fixture
def find_mistakes(load_settings: LoadSettings) -> FindMistakes:
    """Return a function that loads invalid settings, and returns the mistakes."""

    def load_and_fail(*text: str, **context: object) -> list[str]:
        with pytest.raises(SettingsError) as error:
            load_settings(*text, **context)
        return error.value.mistakes

    return load_and_fail
