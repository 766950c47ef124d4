"""The worker and the subscription function: what they may do, are given and are limited by."""

import json
from typing import Any

import pytest

from infra.settings.rules import ENVIRONMENT_ROOM

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("template")

WRITE_TRACES = {
    "Sid": "WriteTraces",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",
}


def statements(stack: Any, path: str) -> list[dict[str, Any]]:
    (policy,) = stack.properties(f"{path}/Role")["Policies"]
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def write_logs(log_group_arn: Any) -> dict[str, Any]:
    return {
        "Sid": "WriteLogs",
        "Effect": "Allow",
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": log_group_arn,
    }


def secret_arn(name: str) -> dict[str, Any]:
    service = [{"Ref": "AWS::Partition"}, ":secretsmanager:"]
    account = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]
    return {"Fn::Join": ["", ["arn:", *service, *account, f":secret:{name}-??????"]]}


def environment(stack: Any, path: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.properties(f"{path}/Function")["Environment"]["Variables"]
    return found


def test_only_lambda_takes_on_the_roles(stack: Any) -> None:
    for path in ("Worker/Role", "Subscription/Provider/Role"):
        assert stack.properties(path)["AssumeRolePolicyDocument"]["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]


def test_the_worker_may_do_exactly_what_it_does(stack: Any, tuned: Any, archiving: Any) -> None:
    def puts_on_bus(synthesised: Any) -> dict[str, Any]:
        return {
            "Sid": "PutEndsOnBus",
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": synthesised.arn("Destinations/Bus"),
            "Condition": {"StringEquals": {"events:source": "queue-ends"}},
        }

    def writes_to_archive(synthesised: Any) -> dict[str, Any]:
        return {
            "Sid": "WriteToArchive",
            "Effect": "Allow",
            "Action": "firehose:PutRecordBatch",
            "Resource": synthesised.arn("Destinations/Archive/Stream"),
        }

    reads_webhook_key = {
        "Sid": "ReadWebhookKey",
        "Effect": "Allow",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": secret_arn("queue-ends/webhook"),
    }
    for synthesised, for_destinations in (
        (stack, [puts_on_bus(stack)]),
        (archiving, [writes_to_archive(archiving)]),
        (tuned, [writes_to_archive(tuned), reads_webhook_key, puts_on_bus(tuned)]),
    ):
        expected = [
            {
                "Sid": "ReadIntakeQueue",
                "Effect": "Allow",
                "Action": [
                    "sqs:ReceiveMessage",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:ChangeMessageVisibility",
                ],
                "Resource": synthesised.arn("Intake/Queue"),
            },
            {
                "Sid": "RejectToDeadLetterQueue",
                "Effect": "Allow",
                "Action": "sqs:SendMessage",
                "Resource": synthesised.arn("Intake/DeadLetterQueue"),
            },
            {
                "Sid": "KeepLedger",
                "Effect": "Allow",
                "Action": [
                    "dynamodb:PartiQLInsert",
                    "dynamodb:PartiQLUpdate",
                    "dynamodb:BatchGetItem",
                ],
                "Resource": synthesised.arn("Ledger/Table"),
            },
            *for_destinations,
            write_logs(synthesised.arn("Worker/Logs")),
        ]
        traces = [WRITE_TRACES] if synthesised is tuned else []
        assert statements(synthesised, "Worker") == expected + traces


def test_the_subscription_function_may_read_its_secret_and_write_its_logs(
    stack: Any, tuned: Any
) -> None:
    for synthesised, secret in ((stack, "queue-ends/genesys"), (tuned, "queue-ends/prod")):
        expected = [
            {
                "Sid": "ReadGenesysCredentials",
                "Effect": "Allow",
                "Action": "secretsmanager:GetSecretValue",
                "Resource": secret_arn(secret),
            },
            write_logs(synthesised.arn("Subscription/Provider/Logs")),
        ]
        traces = [WRITE_TRACES] if synthesised is tuned else []
        assert statements(synthesised, "Subscription/Provider") == expected + traces


def test_the_worker_is_told_all_that_is_set_and_what_the_stack_made(
    stack: Any, tuned: Any, archiving: Any
) -> None:
    for synthesised, expected in (
        (
            stack,
            {
                "STAGE": "dev",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "QUEUE_IDS": "a1b2c3d4-e5f6-7890-1234-567890abcdef,"
                "b2c3d4e5-f6a7-4901-8345-67890abcdef1",
                "RETRY_DELAY_SECONDS": "30",
                "LEDGER_DAYS": "20",
                "DESTINATIONS": "actions,bus",
                "ENDS_BUS": {"Ref": stack.ids["Destinations/Bus"]},
            },
        ),
        (
            archiving,
            {
                "STAGE": "dev",
                "POWERTOOLS_LOG_LEVEL": "INFO",
                "QUEUE_IDS": "a1b2c3d4-e5f6-7890-1234-567890abcdef,"
                "b2c3d4e5-f6a7-4901-8345-67890abcdef1",
                "RETRY_DELAY_SECONDS": "30",
                "LEDGER_DAYS": "20",
                "DESTINATIONS": "archive",
                "ARCHIVE_STREAM": {"Ref": archiving.ids["Destinations/Archive/Stream"]},
            },
        ),
        (
            tuned,
            {
                "STAGE": "prod",
                "POWERTOOLS_LOG_LEVEL": "DEBUG",
                "QUEUE_IDS": "q1",
                "RETRY_DELAY_SECONDS": "45",
                "LEDGER_DAYS": "400",
                "DESTINATIONS": "archive,webhook,actions,bus",
                "ENDS_BUS": {"Ref": tuned.ids["Destinations/Bus"]},
                "WEBHOOK_URL": "https://hooks.example.com/ended?team=1",
                "WEBHOOK_SECRET": "queue-ends/webhook",
                "WEBHOOK_ALLOW_PRIVATE": "true",
                "ARCHIVE_STREAM": {"Ref": tuned.ids["Destinations/Archive/Stream"]},
            },
        ),
    ):
        assert environment(synthesised, "Worker") == expected | {
            "DELIVERY": "subscription",
            "QUEUE_URL": {"Ref": synthesised.ids["Intake/Queue"]},
            "DEAD_LETTER_QUEUE_URL": {"Ref": synthesised.ids["Intake/DeadLetterQueue"]},
            "LEDGER_TABLE": {"Ref": synthesised.ids["Ledger/Table"]},
        }


def test_the_longest_environment_that_the_settings_allow_fits_lambda(
    tuned: Any, many_queues: Any
) -> None:
    """Lambda takes 4 KB of environment, counted as JSON without spaces."""
    of_destinations = environment(tuned, "Worker")
    for synthesised, stage in ((tuned, "s" * 62), (many_queues, "s" * 54)):
        host = "https://sqs.ap-southeast-1.amazonaws.com.cn/111122223333"
        made = {
            "QUEUE_URL": f"{host}/queue-ends-{stage}-intake",
            "DEAD_LETTER_QUEUE_URL": f"{host}/queue-ends-{stage}-dead",
            # CloudFormation: the stack's name, the resource's logical id and 13 characters at
            # random; the CDK: the path to the bus and a hash of it; Firehose takes no longer name.
            "LEDGER_TABLE": f"QueueEnds-{stage}-{tuned.ids['Ledger/Table']}-{'r' * 13}",
            "ENDS_BUS": f"QueueEnds{stage}DestinationsBus{'h' * 8}",
            "ARCHIVE_STREAM": "s" * 64,
        }
        given = {
            "QUEUE_IDS": "x" * ENVIRONMENT_ROOM,
            "WEBHOOK_URL": "",
            "WEBHOOK_SECRET": "",
            "STAGE": stage,
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "LEDGER_DAYS": "3650",
            "RETRY_DELAY_SECONDS": "900",
            "WEBHOOK_ALLOW_PRIVATE": "false",
            "DESTINATIONS": of_destinations["DESTINATIONS"],
        }
        longest = of_destinations | environment(synthesised, "Worker") | made | given
        assert all(isinstance(value, str) for value in longest.values())
        assert len(json.dumps(longest, separators=(",", ":"))) <= 4096


def test_the_worker_has_the_handler_time_and_memory_set(stack: Any, tuned: Any) -> None:
    for synthesised, expected in ((stack, (30, 256)), (tuned, (60, 512))):
        properties = synthesised.properties("Worker/Function")
        assert properties["Handler"] == "worker.handler.handler"
        assert (properties["Timeout"], properties["MemorySize"]) == expected


def test_the_mapping_reports_single_failures_and_counts_events(stack: Any, tuned: Any) -> None:
    for synthesised, tuning in (
        (stack, {"BatchSize": 10}),
        (
            tuned,
            {
                "BatchSize": 200,
                "MaximumBatchingWindowInSeconds": 5,
                "ScalingConfig": {"MaximumConcurrency": 7},
            },
        ),
    ):
        properties = synthesised.properties("Worker/Mapping")
        assert {key: value for key, value in properties.items() if key != "Tags"} == tuning | {
            "EventSourceArn": synthesised.arn("Intake/Queue"),
            "FunctionName": {"Ref": synthesised.ids["Worker/Function"]},
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MetricsConfig": {"Metrics": ["EventCount"]},
        }


def test_the_subscription_function_answers_in_time_and_never_late(stack: Any) -> None:
    properties = stack.properties("Subscription/Provider/Function")
    assert properties["Handler"] == "subscription.handler.handler"
    assert (properties["Timeout"], properties["MemorySize"]) == (240, 256)
    assert environment(stack, "Subscription/Provider") == {
        "STAGE": "dev",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    assert stack.properties("Subscription/Provider/Function/EventInvokeConfig") == {
        "FunctionName": {"Ref": stack.ids["Subscription/Provider/Function"]},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
    }
    resource = stack.properties("Subscription/Resource/Default")
    assert int(resource["ServiceTimeout"]) == 300 > properties["Timeout"]


def test_the_custom_resource_says_what_the_subscription_must_be(stack: Any, tuned: Any) -> None:
    for synthesised, expected in (
        (
            stack,
            {
                "Name": "queue-ends-dev",
                "Description": "Conversation ends for the AWS stack QueueEnds-dev",
                "AttributeFilter": "queueId in ['a1b2c3d4-e5f6-7890-1234-567890abcdef', "
                "'b2c3d4e5-f6a7-4901-8345-67890abcdef1']",
                "SecretName": "queue-ends/genesys",
                "LoginUrl": "https://login.mypurecloud.com",
                "ApiUrl": "https://api.mypurecloud.com",
            },
        ),
        (
            tuned,
            {
                "Name": "queue-ends-prod",
                "Description": "Conversation ends for the AWS stack QueueEnds-prod",
                "AttributeFilter": "$exists(queue) and queue.id = 'q1'",
                "SecretName": "queue-ends/prod",
                "LoginUrl": "https://login.mypurecloud.ie",
                "ApiUrl": "https://proxy.example.com/api",
            },
        ),
    ):
        resource = synthesised.resource("Subscription/Resource/Default")
        assert resource["Type"] == "Custom::GenesysSubscription"
        assert resource["Properties"] == expected | {
            "ServiceToken": synthesised.arn("Subscription/Provider/Function"),
            "ServiceTimeout": "300",
            "EventTypes": ["event:conversation:end"],
            "QueueArn": synthesised.arn("Intake/Queue"),
            "Region": {"Ref": "AWS::Region"},
        }
