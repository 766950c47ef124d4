"""The intake queue and its dead-letter queue."""

import json
from typing import Any

import pytest

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("template")


def tls_only(queue_arn: Any) -> dict[str, Any]:
    return {
        "Action": "sqs:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": queue_arn,
    }


def statements(stack: Any, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.properties(f"{path}/Policy")["PolicyDocument"]["Statement"]
    return found


def test_the_queues_have_the_names_that_other_systems_know(stack: Any, tuned: Any) -> None:
    for synthesised, stage in ((stack, "dev"), (tuned, "prod")):
        name = synthesised.properties("Intake/Queue")["QueueName"]
        assert name == f"queue-ends-{stage}-intake"
        name = synthesised.properties("Intake/DeadLetterQueue")["QueueName"]
        assert name == f"queue-ends-{stage}-dead"


def test_messages_rest_encrypted_with_a_key_that_third_parties_can_use(stack: Any) -> None:
    for queue in stack.of_type("AWS::SQS::Queue"):
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in queue["Properties"]


def test_the_visibility_timeout_is_six_function_timeouts_and_the_window(
    stack: Any, tuned: Any
) -> None:
    for synthesised, seconds in ((stack, 180), (tuned, 365)):
        assert synthesised.properties("Intake/Queue")["VisibilityTimeout"] == seconds
        function = synthesised.properties("Worker/Function")
        window = synthesised.properties("Worker/Mapping").get("MaximumBatchingWindowInSeconds", 0)
        assert seconds == 6 * function["Timeout"] + window


def test_messages_go_to_the_dead_letter_queue_after_the_receives_set(
    stack: Any, tuned: Any
) -> None:
    for synthesised, receives in ((stack, 12), (tuned, 6)):
        assert synthesised.properties("Intake/Queue")["RedrivePolicy"] == {
            "deadLetterTargetArn": synthesised.arn("Intake/DeadLetterQueue"),
            "maxReceiveCount": receives,
        }


def test_the_dead_letter_queue_keeps_14_days_and_takes_from_the_intake_queue_only(
    stack: Any,
) -> None:
    properties = stack.properties("Intake/DeadLetterQueue")
    assert properties["MessageRetentionPeriod"] == 14 * 86_400
    allowed = properties["RedriveAllowPolicy"]
    assert allowed["redrivePermission"] == "byQueue"
    (source,) = allowed["sourceQueueArns"]
    assert "".join(part if isinstance(part, str) else "?" for part in source["Fn::Join"][1]) == (
        "arn:?:sqs:?:?:queue-ends-dev-intake"
    )


def test_queues_take_messages_of_whatever_size_sqs_takes(stack: Any) -> None:
    assert "MaximumMessageSize" not in json.dumps(stack.template)


def test_only_genesys_clouds_account_may_send_and_only_over_tls(stack: Any, tuned: Any) -> None:
    for synthesised, account in ((stack, "765628985471"), (tuned, "325654371633")):
        queue = synthesised.arn("Intake/Queue")
        principal = ["arn:", {"Ref": "AWS::Partition"}, f":iam::{account}:root"]
        assert statements(synthesised, "Intake/Queue") == [
            tls_only(queue),
            {
                "Sid": "GenesysCloudSends",
                "Effect": "Allow",
                "Principal": {"AWS": {"Fn::Join": ["", principal]}},
                "Action": "sqs:SendMessage",
                "Resource": queue,
            },
        ]


def test_nobody_else_is_let_into_the_dead_letter_queue(stack: Any) -> None:
    found = statements(stack, "Intake/DeadLetterQueue")
    assert found == [tls_only(stack.arn("Intake/DeadLetterQueue"))]
