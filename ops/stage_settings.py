"""The settings of a stage, from the project's settings.toml and the command line."""

from collections.abc import Sequence
from pathlib import Path

from infra.settings.reading import SettingsError, load
from infra.settings.settings import Settings
from ops.errors import OpsError

SETTINGS_FILE = Path(__file__).resolve().parents[1] / "settings.toml"


def load_settings(stage: str, context: Sequence[str]) -> tuple[Settings, list[str]]:
    """Return a stage's settings, and warnings about values that look wrong.

    Parameters
    ----------
    context
        Settings that override those of settings.toml, each as `KEY=VALUE`.

    Raises
    ------
    OpsError
        The settings have mistakes; the message lists all of them.
    """
    overrides = {key: value for key, _, value in (each.partition("=") for each in context)}
    try:
        return load(SETTINGS_FILE, {**overrides, "stage": stage})
    except SettingsError as error:
        raise OpsError(str(error)) from None
