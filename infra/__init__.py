"""The CDK side of Queue Ends: from the settings of a stage to its CloudFormation template."""

import os
import sys
from pathlib import Path

# jsii, loaded with aws_cdk, prints a banner of 12 lines under each Node.js (by major version) past
# its end of life, above every list of mistakes. The CDK itself runs well there.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22,23,24")

# Names that the stack and the deployed code must agree on stand in functions/, which is a root of
# imports of its own. Last on the path, so that nothing there stands in for a module elsewhere.
sys.path.append(str(Path(__file__).resolve().parents[1] / "functions"))
