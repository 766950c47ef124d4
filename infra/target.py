"""Prints the AWS account and region that a command will act on.

The line begins with this script's arguments: with the arguments `Deploying QueueEnds-dev to`, the
script prints `Deploying QueueEnds-dev to: AWS account …`.
"""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def describe_target() -> str:
    """Return a line with the AWS account, the region and, if one is set, the endpoint.

    Raises
    ------
    BotoCoreError, ClientError
        If there are no credentials, or AWS refuses them.
    """
    session = boto3.Session()
    # The CDK CLI looks for its region in the same places, in the same order.
    region = os.environ.get("AWS_REGION") or session.region_name or "us-east-1"
    identity = session.client("sts", region_name=region).get_caller_identity()
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return f"AWS account {identity['Account']}, region {region}" + (
        f", at {endpoint}" if endpoint else ""
    )


if __name__ == "__main__":
    try:
        print(f"{' '.join(sys.argv[1:])}: {describe_target()}")
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"No AWS account to act on: {error}\nSet AWS_PROFILE or log in, then try again.")
