"""The CDK side of Queue Ends: turns a stage's settings into its CloudFormation template."""

import os
import sys
from pathlib import Path

# jsii, which aws_cdk loads, prints a 12-line banner above every list of mistakes when a Node.js
# major version is past its end of life. The CDK itself runs well on these versions.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22,23,24")

# functions/ is an import root of its own. It defines the names that the stack and the deployed code
# share. It comes last on the path, so that it shadows no other module.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
