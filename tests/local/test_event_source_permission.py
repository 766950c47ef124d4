"""The emulator where IAM is enforced: who may look at a partner event source."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.aws.emulator import Emulator, emulator

ALLOWED = "aws.partner/genesys.com/cloud/0f1e2d3c-0000-4000-8000-000000000001/QueueEnds-dev"
TRUST = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}
    ]
}


def event_sources_seen_by(aws: Emulator, resource: str) -> Any:
    """Return an EventBridge client that may look at the event sources of an ARN, and no others."""
    iam = aws.client("iam")
    role = iam.create_role(RoleName="looks", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    allowed = {"Effect": "Allow", "Action": "events:DescribeEventSource", "Resource": resource}
    iam.put_role_policy(
        RoleName="looks", PolicyName="look", PolicyDocument=json.dumps({"Statement": [allowed]})
    )
    acting = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="session")
    credentials = acting["Credentials"]
    return boto3.client(
        "events",
        region_name=aws.region,
        endpoint_url=aws.endpoint,
        verify=aws.environment["AWS_CA_BUNDLE"],
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_the_permission_for_a_partners_event_sources_is_enough_and_no_more() -> None:
    with emulator(enforce_iam=True) as aws:
        arn = f"arn:aws:events:{aws.region}::event-source/aws.partner/genesys.com/*"
        events = event_sources_seen_by(aws, arn)
        assert events.describe_event_source(Name=ALLOWED)["Name"] == ALLOWED
        with pytest.raises(ClientError, match="not authorized"):
            events.describe_event_source(Name="aws.partner/example.com/x/y")
