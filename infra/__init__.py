"""The CDK side of Queue Ends: from the settings of a stage to its CloudFormation template."""

import os

# jsii, loaded with aws_cdk, prints a banner of 12 lines under each Node.js (by major version) past
# its end of life, above every list of mistakes. The CDK itself runs well there.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20,21,22,23,24")
