"""Fixtures that load settings from a text and a context."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from infra.settings import attribute_filter
from infra.settings.reading import SettingsError, load
from infra.settings.settings import Settings

QUEUE = "a1b2c3d4-e5f6-7890-1234-567890abcdef"
OTHER = "b2c3d4e5-f6a7-4901-8345-67890abcdef1"
# Seconds that a filter may take on a machine under load; a user is not made to wait for so long.
PATIENCE = 600

Load = Callable[..., tuple[Settings, list[str]]]
Mistakes = Callable[..., list[str]]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load a settings.toml of this text (by default one with a queue) under this context."""
    patient = partial(attribute_filter.guarded_trial, seconds=PATIENCE, seconds_an_event=PATIENCE)
    monkeypatch.setattr(attribute_filter, "guarded_trial", patient)

    def load_text(
        text: str = f'queue_ids = ["{QUEUE}"]', **context: object
    ) -> tuple[Settings, list[str]]:
        file = tmp_path / "settings.toml"
        file.write_text(text, encoding="utf-8")
        return load(file, context)

    return load_text


@pytest.fixture
def mistakes(loaded: Load) -> Mistakes:
    def mistakes_of(*text: str, **context: object) -> list[str]:
        with pytest.raises(SettingsError) as error:
            loaded(*text, **context)
        return error.value.mistakes

    return mistakes_of
