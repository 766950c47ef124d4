"""The user's keys: what they encrypt, and the roles' permissions to use them."""

import json
from collections.abc import Callable
from typing import Any

from tests.infra.conftest import KEY
from tests.infra.stacks import Stack, Statement, allow_statement

ARCHIVE = "Destinations/Archive"
ACCOUNT = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]


def via(service: str) -> dict[str, Any]:
    """Return the condition that a service uses the key in the role's name."""
    start = [f"{service}.", {"Ref": "AWS::Region"}]
    ends: tuple[list[Any], ...] = ([".amazonaws.com"], [".", {"Ref": "AWS::URLSuffix"}])
    return {"kms:ViaService": [{"Fn::Join": ["", [*start, *end]]} for end in ends]}


def secret_arn(name: str) -> dict[str, Any]:
    service = [{"Ref": "AWS::Partition"}, ":secretsmanager:"]
    return {"Fn::Join": ["", ["arn:", *service, *ACCOUNT, f":secret:{name}-??????"]]}


def key_statements(stack: Stack, path: str) -> list[Statement]:
    """Return the statements about keys of the role below a path."""
    return [s for s in stack.role_statements(path) if "kms:" in json.dumps(s["Action"])]


def secret_key_statement(key: Any, *names: str, alias: str | None = None) -> Statement:
    arns = [secret_arn(name) for name in names]
    condition = {
        "StringEquals": via("secretsmanager"),
        "StringLike": {"kms:EncryptionContext:SecretARN": arns},
    }
    if alias:
        condition["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": alias}
    return allow_statement("UseKeyOfSecrets", "kms:Decrypt", key, Condition=condition)


def test_one_key_encrypts_all_that_holds_data(company: Stack, company_eventbridge: Stack) -> None:
    for synthesised, queues, archives in ((company, 2, 0), (company_eventbridge, 3, 1)):
        found = {
            kind: [resource["Properties"] for resource in synthesised.of_type(kind)]
            for kind in (
                "AWS::SQS::Queue",
                "AWS::DynamoDB::Table",
                "AWS::Logs::LogGroup",
                "AWS::SNS::Topic",
                "AWS::S3::Bucket",
                "AWS::KinesisFirehose::DeliveryStream",
                "AWS::Events::Archive",
            )
        }
        assert [len(resources) for resources in found.values()] == [queues, 1, 4, 1, 1, 1, archives]
        assert all(KEY in str(each) for resources in found.values() for each in resources)
        for queue in found["AWS::SQS::Queue"]:
            assert queue["KmsDataKeyReusePeriodSeconds"] == 300
            assert not queue.get("SqsManagedSseEnabled")
        (table,) = found["AWS::DynamoDB::Table"]
        assert table["SSESpecification"]["SSEEnabled"] is True
        (rule,) = found["AWS::S3::Bucket"][0]["BucketEncryption"][
            "ServerSideEncryptionConfiguration"
        ]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert rule["BucketKeyEnabled"] is True


def test_without_the_settings_no_key_is_named(stack: Stack, tuned: Stack) -> None:
    for synthesised in (stack, tuned):
        text = json.dumps(synthesised.template)
        assert "kms:" not in text
        assert "KmsKey" not in text
        assert "KmsMasterKey" not in text


def test_the_functions_may_use_the_key_for_what_they_may_use(company: Stack) -> None:
    both = ["kms:Decrypt", "kms:GenerateDataKey"]
    for_queues, for_ledger = (
        allow_statement(sid, actions, KEY, Condition={"StringEquals": via(service)})
        for sid, actions, service in (
            ("UseKeyOfQueues", both, "sqs"),
            ("UseKeyOfLedger", "kms:Decrypt", "dynamodb"),
        )
    )
    any_key = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":kms:", *ACCOUNT, ":key/*"]]}
    genesys, webhook = "queue-ends/genesys", "queue-ends/webhook"

    def for_secrets(*names: str) -> Statement:
        return secret_key_statement(any_key, *names, alias="alias/secrets")

    assert key_statements(company, "Worker") == [
        for_queues,
        for_ledger,
        for_secrets(genesys, webhook),
    ]
    assert key_statements(company, "Watchdog") == [for_queues, for_ledger, for_secrets(genesys)]
    assert key_statements(company, "Subscription/Provider") == [for_secrets(genesys)]


def test_a_function_without_messages_may_not_use_the_key_for_queues(
    stack_with: Callable[..., Stack],
) -> None:
    """A watchdog without a backfill reads only the queues' attributes."""
    synthesised = stack_with(kms_key_arn=KEY)

    worker, watchdog = (
        {statement["Sid"] for statement in key_statements(synthesised, path)}
        for path in ("Worker", "Watchdog")
    )
    assert "UseKeyOfQueues" in worker - watchdog


def test_firehose_may_use_the_key_for_the_bucket_alone(company: Stack) -> None:
    bucket = company.arn(f"{ARCHIVE}/Bucket")
    condition = via("s3") | {"kms:EncryptionContext:aws:s3:arn": bucket}
    assert key_statements(company, ARCHIVE) == [
        allow_statement(
            "UseKeyOfBucket",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            KEY,
            Condition={"StringEquals": condition},
        )
    ]


def test_a_secrets_key_is_named_itself_or_by_the_alias_that_it_must_have(
    company_eventbridge: Stack, stack_with: Callable[..., Stack]
) -> None:
    in_another_account = "arn:aws:kms:us-east-1:444455556666"
    assert company_eventbridge.settings.secret_kms_key_arn == f"{in_another_account}:alias/team/it"
    by_key = stack_with(secret_kms_key_arn=KEY)

    assert key_statements(company_eventbridge, "EventSource/Provider") == [
        secret_key_statement(
            f"{in_another_account}:key/*", "queue-ends/genesys", alias="alias/team/it"
        )
    ]
    assert key_statements(by_key, "Subscription/Provider") == [
        secret_key_statement(KEY, "queue-ends/genesys")
    ]
    assert key_statements(by_key, "Worker") == []
