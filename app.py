"""The CDK app, which every `cdk` command runs from the project's folder."""

from pathlib import Path

from infra.synthesis import synthesise

synthesise(Path(__file__).resolve().parent)
