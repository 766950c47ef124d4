"""The CDK app; `cdk` commands run it in the folder that it stands in."""

from pathlib import Path

from infra.synthesis import synthesise

synthesise(Path(__file__).resolve().parent)
