"""From settings to a cloud assembly: what `cdk synth` and every other cdk command run."""

import sys
from pathlib import Path

from aws_cdk import Annotations, App

from infra.emulator import fit_to_emulator
from infra.packaging import Asset, PackagingError, build
from infra.settings.reading import SettingsError, load
from infra.settings.retries import duration_in_words
from infra.settings.settings import Settings
from infra.stack import QueueEndsStack


def synthesise(project: Path) -> None:
    """Synthesise the stage that the CDK context picks.

    Mistakes in the settings, and a failing pip, end the process with status 1 and a text for
    people on stderr.

    Parameters
    ----------
    project
        The folder that holds settings.toml and functions/; build/ is made there.
    """
    app = App()
    try:
        settings, warnings = load(project / "settings.toml", app.node.get_all_context())
        asset = build(project / "functions", settings.packaging, project / "build")
    except (SettingsError, PackagingError) as error:
        sys.exit(str(error))
    stack = stack_of(app, settings, asset)
    for number, warning in enumerate(warnings, start=1):
        Annotations.of(stack).add_warning_v2(f"queue-ends:settings-{number}", warning)
    Annotations.of(stack).add_info_v2("queue-ends:outage", _outage(settings))
    app.synth()


def stack_of(app: App, settings: Settings, asset: Asset) -> QueueEndsStack:
    """Return the stack, fitted to what it is packed for."""
    stack = QueueEndsStack(app, settings, asset)
    if settings.packaging == "host":
        fit_to_emulator(stack)
    return stack


def _outage(settings: Settings) -> str:
    return (
        f"An outage of a destination of up to {duration_in_words(settings.outage_seconds)} is "
        f"ridden out ({settings.max_receive_count} receives, first delay "
        f"{settings.retry_delay_seconds} s); docs/once.md explains it."
    )
