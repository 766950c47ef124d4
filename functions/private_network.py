"""Advice for a call that got no answer, if the function is in a private network.

In a private network, a function reaches only what the network has a way to: an AWS service through
a NAT gateway or the service's VPC endpoint, everything else through a NAT gateway or another route.
"""

import os
from collections.abc import Mapping

# The VPC endpoint of each AWS service: its kind, and the last part of its service name (see "AWS
# services that integrate with AWS PrivateLink" in the AWS documentation).
_ENDPOINTS = {
    "CloudFormation": "interface endpoint cloudformation",
    "DynamoDB": "gateway endpoint dynamodb",
    "EventBridge": "interface endpoint events",
    "Firehose": "interface endpoint kinesis-firehose",
    "S3": "gateway endpoint s3",
    "Secrets Manager": "interface endpoint secretsmanager",
    "SQS": "interface endpoint sqs",
}


def explain_no_answer(
    failure: str, target: str, environment: Mapping[str, str] = os.environ
) -> str:
    """Return the description of a failed call, with advice if the function is in a private network.

    The result has no period at its end.

    Parameters
    ----------
    failure
        What happened, without a period at the end.
    target
        What got no answer: an AWS service as in `_ENDPOINTS`, or another host in words.
    environment
        The function's environment variables. The stack sets `PRIVATE_NETWORK` to `true` if the
        function is in a private network.
    """
    if environment.get("PRIVATE_NETWORK") != "true":
        return failure
    endpoint = _ENDPOINTS.get(target)
    way = f"a NAT gateway or the {endpoint}" if endpoint else "a NAT gateway or another route"
    return (
        f"{failure}; the function's private network, set by vpc_subnet_ids, needs a way to "
        f"{target}: {way}, see docs/network.md"
    )
