"""The intake queue and its dead-letter queue."""

import json

from tests.infra.stacks import Stack, allow_statement, deny_without_tls


def test_the_queues_have_the_names_that_other_systems_know(stack: Stack, tuned: Stack) -> None:
    for synthesised, stage in ((stack, "dev"), (tuned, "prod")):
        name = synthesised.properties("Intake/Queue")["QueueName"]
        assert name == f"queue-ends-{stage}-intake"
        name = synthesised.properties("Intake/DeadLetterQueue")["QueueName"]
        assert name == f"queue-ends-{stage}-dead"


def test_queues_are_encrypted_with_a_key_that_third_parties_can_use(
    stack: Stack, eventbridge: Stack
) -> None:
    for synthesised in (stack, eventbridge):
        for queue in synthesised.of_type("AWS::SQS::Queue"):
            assert queue["Properties"]["SqsManagedSseEnabled"] is True
            assert "KmsMasterKeyId" not in queue["Properties"]


def test_the_visibility_timeout_is_six_function_timeouts_and_the_window(
    stack: Stack, tuned: Stack
) -> None:
    for synthesised, seconds in ((stack, 180), (tuned, 365)):
        assert synthesised.properties("Intake/Queue")["VisibilityTimeout"] == seconds
        function = synthesised.properties("Worker/Function")
        window = synthesised.properties("Worker/Mapping").get("MaximumBatchingWindowInSeconds", 0)
        assert seconds == 6 * function["Timeout"] + window


def test_messages_go_to_the_dead_letter_queue_after_the_receives_set(
    stack: Stack, tuned: Stack
) -> None:
    for synthesised, receives in ((stack, 12), (tuned, 6)):
        assert synthesised.properties("Intake/Queue")["RedrivePolicy"] == {
            "deadLetterTargetArn": synthesised.arn("Intake/DeadLetterQueue"),
            "maxReceiveCount": receives,
        }


def test_messages_are_kept_for_4_days_and_dead_letters_for_14(stack: Stack) -> None:
    assert stack.properties("Intake/Queue")["MessageRetentionPeriod"] == 4 * 86_400
    assert stack.properties("Intake/DeadLetterQueue")["MessageRetentionPeriod"] == 14 * 86_400


def test_the_dead_letter_queue_takes_from_the_intake_queue_only(stack: Stack) -> None:
    allowed = stack.properties("Intake/DeadLetterQueue")["RedriveAllowPolicy"]
    assert allowed["redrivePermission"] == "byQueue"
    (source,) = allowed["sourceQueueArns"]
    assert "".join(part if isinstance(part, str) else "?" for part in source["Fn::Join"][1]) == (
        "arn:?:sqs:?:?:queue-ends-dev-intake"
    )


def test_no_queue_takes_the_dead_letters_of_another_queue_by_redrive(
    stack: Stack, eventbridge: Stack
) -> None:
    names = {"Intake/Queue": (stack, eventbridge), "EventSource/DeadLetterQueue": (eventbridge,)}
    for path, stacks in names.items():
        for synthesised in stacks:
            allowed = synthesised.properties(path)["RedriveAllowPolicy"]
            assert allowed == {"redrivePermission": "denyAll"}


def test_queues_take_messages_of_whatever_size_sqs_takes(stack: Stack) -> None:
    assert "MaximumMessageSize" not in json.dumps(stack.template)


def test_only_genesys_clouds_account_may_send_and_only_over_tls(stack: Stack, tuned: Stack) -> None:
    for synthesised, account in ((stack, "765628985471"), (tuned, "325654371633")):
        queue = synthesised.arn("Intake/Queue")
        root = ["arn:", {"Ref": "AWS::Partition"}, f":iam::{account}:root"]
        principal = {"AWS": {"Fn::Join": ["", root]}}
        assert synthesised.policy_statements("Intake/Queue") == [
            deny_without_tls(queue),
            allow_statement("GenesysCloudSends", "sqs:SendMessage", queue, Principal=principal),
        ]


def test_nobody_else_is_let_into_the_dead_letter_queue(stack: Stack, eventbridge: Stack) -> None:
    for synthesised in (stack, eventbridge):
        queue = synthesised.arn("Intake/DeadLetterQueue")
        assert synthesised.policy_statements("Intake/DeadLetterQueue") == [deny_without_tls(queue)]
