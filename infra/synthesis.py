"""Synthesises the cloud assembly from the settings; every `cdk` command does this first."""

import sys
from pathlib import Path

from aws_cdk import Annotations, App

from .emulator import fit_to_emulator
from .packaging import Asset, PackagingError, Target, build_asset
from .settings.reading import SettingsError, load
from .settings.retries import duration_in_words
from .settings.settings import Settings
from .stack import QueueEndsStack


def synthesise(project_folder: Path) -> None:
    """Synthesise the stage that the CDK context selects.

    If the settings have mistakes or the asset cannot be built, the process prints the error to
    stderr and exits with status 1.

    Parameters
    ----------
    project_folder
        The folder that contains settings.toml and functions/. The build folder is created in it.
    """
    app = App()
    try:
        settings, warnings = load(project_folder / "settings.toml", app.node.get_all_context())
        asset = build_asset(
            project_folder / "functions", Target(settings.packaging), project_folder / "build"
        )
    except (SettingsError, PackagingError) as error:
        sys.exit(str(error))
    stack = make_stack(app, settings, asset)
    for number, warning in enumerate(warnings, start=1):
        Annotations.of(stack).add_warning_v2(f"queue-ends:settings-{number}", warning)
    for number, notice in enumerate(asset.notices, start=1):
        Annotations.of(stack).add_info_v2(f"queue-ends:asset-{number}", notice)
    Annotations.of(stack).add_info_v2("queue-ends:outage", _outage_notice(settings))
    app.synth()


def make_stack(app: App, settings: Settings, asset: Asset) -> QueueEndsStack:
    """Make the stack, and fit it to the emulator if the setting `packaging` is `host`."""
    stack = QueueEndsStack(app, settings, asset)
    if settings.packaging == "host":
        fit_to_emulator(stack)
    return stack


def _outage_notice(settings: Settings) -> str:
    return (
        f"If a destination is down for up to {duration_in_words(settings.outage_seconds)}, retries "
        f"deliver every end afterwards ({settings.max_receive_count} receives, first delay "
        f"{settings.retry_delay_seconds} s). docs/once.md explains this."
    )
