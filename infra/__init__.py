"""The CDK code of Queue Ends, which turns a stage's settings into a CloudFormation template."""

import os
import sys
from pathlib import Path

# jsii, which aws_cdk loads, prints a 12-line banner if the Node.js version is past its end of life.
# The banner would hide our error messages, and the CDK runs well on the versions below.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22,23,24")

_HERE = Path(__file__).resolve().parent
# The deployed code is beside this package in a checkout, and inside of it where it is installed.
FUNCTIONS_FOLDER = next(
    folder for folder in (_HERE / "functions", _HERE.parent / "functions") if folder.is_dir()
)
# This package imports some modules of the deployed code, whose import root is functions/. That
# folder is added last, so that its modules shadow no others.
sys.path.append(str(FUNCTIONS_FOLDER))
