"""A CDK app of your own, which has Queue Ends inside."""

import os
import sys
from pathlib import Path

from aws_cdk import App
from queue_ends import PackagingError, SettingsError, load
from survey_stack import SurveyStack

app = App()
try:
    settings, warnings = load(
        Path(__file__).with_name("settings.toml"),
        app.node.get_all_context(),
        os.environ.get("CDK_DEFAULT_REGION"),
    )
    SurveyStack(app, settings, warnings)
except (SettingsError, PackagingError) as error:
    sys.exit(str(error))
app.synth()
