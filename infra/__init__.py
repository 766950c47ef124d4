"""The CDK code of Queue Ends, which turns a stage's settings into a CloudFormation template."""

import os
import sys
from pathlib import Path

# jsii, which aws_cdk loads, prints a 12-line banner if the Node.js version is past its end of life.
# The banner would hide our error messages, and the CDK runs well on the versions below.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22,23,24")

# infra/ imports some modules of the deployed code, whose import root is functions/. That folder is
# added last, so that its modules shadow no others.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
