"""Every permission of every role: without it, a journey through the deployed stack fails."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest
from botocore.exceptions import ClientError

from infra.settings.checks import DESTINATIONS
from local.aws import policies
from local.genesys.sqs import ACCOUNT
from tests.local.permissions.admissions import Admission, admissions_of, lacking_admission
from tests.local.permissions.deployed import Stack
from tests.local.permissions.grants import Grant
from tests.local.permissions.journeys import Journey, check_of, journey_of
from tests.local.stack.world import SECRET, WEBHOOK_SECRET, World, running_world

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("permissions")

Permission = TypeVar("Permission")
KEY_ALIAS = "alias/secrets"
STAGES: dict[str, dict[str, Any]] = {
    "dev": {"delivery": "subscription"},
    "bridge": {"delivery": "eventbridge", "end_rule": "last_queue", "settle_seconds": 0},
}
"""The settings of the stacks, keyed by stage."""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An AWS account that enforces IAM, and settings that need every permission that there is."""
    settings = {
        "destinations": [*DESTINATIONS],
        "details": "analytics",
        "details_wait_seconds": 900,
        "backfill": "repair",
        "tracing": True,
        "secret_kms_key_arn": KEY_ALIAS,
        "vpc_subnet_ids": ["subnet-0a1b2c3d4e5f60718"],
        "vpc_security_group_ids": ["sg-0a1b2c3d4e5f60718"],
    }
    folder = tmp_path_factory.mktemp("permissions")
    with running_world(folder, enforce_iam=True, **settings) as world:
        for name in (SECRET, WEBHOOK_SECRET):
            world.aws.client("secretsmanager").update_secret(SecretId=name, KmsKeyId=KEY_ALIAS)
        yield world


@pytest.fixture(scope="module")
def key(guarded: World) -> str:
    """The ARN of the user's key."""
    kms = guarded.aws.client("kms")
    key = kms.create_key()["KeyMetadata"]
    kms.create_alias(AliasName=KEY_ALIAS, TargetKeyId=key["KeyId"])
    return str(key["Arn"])


@pytest.fixture(scope="module", params=STAGES)
def stack(request: pytest.FixtureRequest, guarded: World, key: str) -> Stack:
    """A stack of each delivery."""
    settings = STAGES[request.param]
    deployment = guarded.project.deploy(
        request.param, **guarded.settings(kms_key_arn=key, **settings)
    )
    # The emulator's CloudFormation leaves out the keys of the table and of the bucket.
    guarded.aws.client("dynamodb").update_table(
        TableName=deployment.outputs["LedgerTableName"],
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    guarded.aws.client("s3").put_bucket_encryption(
        Bucket=deployment.outputs["ArchiveBucketName"],
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]
        },
    )
    return Stack.of(guarded, request.param, settings["delivery"], deployment)


@pytest.fixture(autouse=True)
def _direct_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the code of functions that runs in this process use no proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_without_any_permission_of_a_role_a_journey_fails(stack: Stack) -> None:
    journeys = {grant: journey_of(grant) for grant in stack.places}

    def fails_without(grant: Grant, journey: Journey) -> bool:
        refused_actions = stack.refused_actions()
        is_failing = _fails(stack, journey, stack.lacking(grant))
        return is_failing and (journey.is_evaluated or grant.action in refused_actions())

    _check_needs(stack, journeys, fails_without)


def test_without_any_statement_of_a_resource_policy_a_journey_fails(stack: Stack) -> None:
    admissions = admissions_of(stack.template)
    journeys = {one: check_of(one, logical_id) for one, logical_id in admissions.items()}

    def fails_without(admission: Admission, journey: Journey) -> bool:
        lacking = lacking_admission(stack, admission, admissions[admission])
        return _fails(stack, journey, lacking)

    _check_needs(stack, journeys, fails_without)


def _check_needs(
    stack: Stack,
    journeys: Mapping[Permission, Journey | None],
    fails_without: Callable[[Permission, Journey], bool],
) -> None:
    """Check that each permission has a journey, which fails without it and only without it."""
    assert [permission for permission, journey in journeys.items() if journey is None] == []
    unnoticed = []
    for journey in dict.fromkeys(filter(None, journeys.values())):
        journey.run(stack)
        needed = [permission for permission, its in journeys.items() if its == journey]
        unnoticed += [one for one in needed if not fails_without(one, journey)]
        # So it has failed for no other reason, such as what an earlier failure has left.
        journey.run(stack)
    assert unnoticed == []


def _fails(stack: Stack, journey: Journey, lacking: AbstractContextManager[None]) -> bool:
    """Return whether a journey fails while a permission is lacking."""
    with lacking:
        try:
            journey.run(stack)
        except AssertionError:
            return True
    return False


def test_genesys_cloud_may_send_to_the_intake_queue_and_do_nothing_else(stack: Stack) -> None:
    sqs = stack.world.aws.client("sqs", account=ACCOUNT)
    intake = stack.deployment.outputs["QueueUrl"]
    stack.client("sqs").send_message(QueueUrl=intake, MessageBody="{}")
    (message,) = stack.client("sqs").receive_message(QueueUrl=intake)["Messages"]
    handle = {"ReceiptHandle": message["ReceiptHandle"]}
    refused: list[tuple[str, dict[str, Any]]] = [
        ("receive_message", {}),
        ("delete_message", handle),
        ("change_message_visibility", handle | {"VisibilityTimeout": 0}),
        ("get_queue_attributes", {"AttributeNames": ["All"]}),
        ("set_queue_attributes", {"Attributes": {"DelaySeconds": "900"}}),
        ("purge_queue", {}),
        ("delete_queue", {}),
        ("list_queue_tags", {}),
        ("tag_queue", {"Tags": {"mine": "yes"}}),
        ("untag_queue", {"TagKeys": ["team"]}),
        ("add_permission", {"Label": "a", "AWSAccountIds": [ACCOUNT], "Actions": ["*"]}),
        ("remove_permission", {"Label": "a"}),
    ]
    sends: list[tuple[str, dict[str, Any]]] = [
        ("send_message", {"MessageBody": "{}"}),
        ("send_message_batch", {"Entries": [{"Id": "1", "MessageBody": "{}"}]}),
    ]

    for url in _queue_urls(stack):
        may_send = url == intake and stack.delivery == "subscription"
        for method, parameters in refused + ([] if may_send else sends):
            with pytest.raises(ClientError, match="AccessDenied"):
                getattr(sqs, method)(QueueUrl=url, **parameters)
    for method, parameters in sends if stack.delivery == "subscription" else ():
        getattr(sqs, method)(QueueUrl=intake, **parameters)


def test_no_other_account_and_no_other_rule_may_send(stack: Stack) -> None:
    stranger = "444455556666"
    for url in _queue_urls(stack):
        with pytest.raises(ClientError, match="AccessDenied"):
            stack.world.aws.client("sqs", account=stranger).send_message(
                QueueUrl=url, MessageBody="{}"
            )

        attributes = stack.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["Policy", "QueueArn"]
        )["Attributes"]
        for owner in (stranger, stack.world.aws.account):
            assert not policies.service_may(
                attributes["Policy"],
                "events.amazonaws.com",
                "sqs:SendMessage",
                attributes["QueueArn"],
                source_arn=f"arn:aws:events:us-east-1:{owner}:rule/another",
            )


def _queue_urls(stack: Stack) -> list[str]:
    """Return the URLs of all queues of a stack."""
    prefix = f"queue-ends-{stack.stage}-"
    return list(stack.client("sqs").list_queues(QueueNamePrefix=prefix)["QueueUrls"])
