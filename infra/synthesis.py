"""Synthesises the cloud assembly from the settings; every `cdk` command does this first."""

import os
import sys
from pathlib import Path

from aws_cdk import App

from .packaging import PackagingError
from .queue_ends import build_functions
from .settings.reading import SettingsError, load
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
    # The CDK CLI sets this variable to the region that it deploys to.
    region = os.environ.get("CDK_DEFAULT_REGION")
    try:
        settings, warnings = load(
            project_folder / "settings.toml", app.node.get_all_context(), region
        )
        asset = build_functions(settings, project_folder / "functions", project_folder / "build")
    except (SettingsError, PackagingError) as error:
        sys.exit(str(error))
    QueueEndsStack(app, settings, asset, warnings)
    app.synth()
