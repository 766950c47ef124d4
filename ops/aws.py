"""The AWS account and region that the commands act on."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from ops.errors import OpsError

# Operators wait for the answer, so a call that gets none fails within half a minute.
_CONFIG = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "max_attempts": 4}
)


@dataclass(frozen=True, slots=True)
class Aws:
    """An AWS account and region.

    Attributes
    ----------
    client
        Returns a boto3 client of a service, such as `sqs`. boto3's stubs give each its own type, so
        callers annotate the result.
    endpoint
        The endpoint that replaces AWS, such as an emulator's; empty for AWS itself.
    """

    account: str
    region: str
    client: Callable[[str], Any]
    endpoint: str = ""

    def __str__(self) -> str:
        place = f"AWS account {self.account}, region {self.region}"
        return f"{place}, at {self.endpoint}" if self.endpoint else place


def connect() -> Aws:
    """Return the account and region of the operator's credentials.

    Raises
    ------
    OpsError
        There are no credentials, or AWS refuses them.
    """
    session = boto3.Session()
    # The CDK CLI looks for its region in the same places, in the same order.
    region = os.environ.get("AWS_REGION") or session.region_name or "us-east-1"

    def client(service: str) -> Any:
        # Each of boto3's overloads is for one service's name.
        return session.client(service, region_name=region, config=_CONFIG)  # type: ignore[call-overload]

    try:
        identity = client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise OpsError(
            f"No access to an AWS account ({error}). Set AWS_PROFILE or log in, then try again."
        ) from None
    return Aws(identity["Account"], region, client, os.environ.get("AWS_ENDPOINT_URL", ""))
