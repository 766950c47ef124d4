"""The worker and the provisioner: their permissions, environment variables and limits."""

import json
from collections.abc import Callable

import pytest

from infra.settings.worker_environment import (
    CHARACTERS_OF_DETAILS,
    MAX_WORKER_ENVIRONMENT_CHARACTERS,
)
from tests.infra.stacks import (
    QUEUES,
    Stack,
    Statement,
    allow_statement,
    log_write_statement,
    secret_read_statement,
    stack_read_statement,
    with_account_and_region,
)

TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
TRACE_STATEMENT = allow_statement("WriteTraces", TRACES, "*")


def test_only_lambda_takes_on_the_roles(stack: Stack) -> None:
    for path in ("Worker/Role", "Subscription/Provider/Role"):
        assert stack.properties(path)["AssumeRolePolicyDocument"]["Statement"] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ]


def test_the_worker_may_do_exactly_what_it_does(stack: Stack, tuned: Stack, lean: Stack) -> None:
    def put_statement(synthesised: Stack) -> Statement:
        bus = synthesised.arn("Destinations/Bus")
        only_ours = {"StringEquals": {"events:source": "queue-ends"}}
        return allow_statement("PutEndsOnBus", "events:PutEvents", bus, Condition=only_ours)

    def write_statement(synthesised: Stack) -> Statement:
        stream = synthesised.arn("Destinations/Archive/Stream")
        return allow_statement("WriteToArchive", "firehose:PutRecordBatch", stream)

    receive_actions = [
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    ]
    ledger_actions = ["dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"]
    key_statement = secret_read_statement("queue-ends/webhook", "ReadWebhookKey")
    delayed = allow_statement("SendDelayedEnds", "sqs:SendMessage", tuned.arn("Intake/Queue"))
    details_statements = [secret_read_statement("queue-ends/prod"), delayed]
    only_slots = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["#requests"]}}
    table = tuned.arn("Ledger/Table")
    slots_statement = allow_statement(
        "TakeRequestSlots", "dynamodb:UpdateItem", table, Condition=only_slots
    )
    for synthesised, for_details, for_slots, for_destinations, traces in (
        (stack, [], [], [put_statement(stack)], []),
        (lean, [], [], [write_statement(lean)], []),
        (
            tuned,
            details_statements,
            [slots_statement],
            [write_statement(tuned), key_statement, put_statement(tuned)],
            [TRACE_STATEMENT],
        ),
    ):
        dead_letter_queue = synthesised.arn("Intake/DeadLetterQueue")
        assert synthesised.role_statements("Worker") == [
            allow_statement("ReadIntakeQueue", receive_actions, synthesised.arn("Intake/Queue")),
            allow_statement("RejectToDeadLetterQueue", "sqs:SendMessage", dead_letter_queue),
            *for_details,
            allow_statement("KeepLedger", ledger_actions, synthesised.arn("Ledger/Table")),
            *for_slots,
            *for_destinations,
            log_write_statement(synthesised, "Worker"),
            *traces,
        ]


def test_the_subscription_function_may_read_its_secret_and_its_stack_and_write_its_logs(
    stack: Stack, tuned: Stack
) -> None:
    path = "Subscription/Provider"
    expected = [
        secret_read_statement("queue-ends/genesys"),
        stack_read_statement(),
        log_write_statement(stack, path),
    ]
    assert stack.role_statements(path) == expected
    expected = [
        secret_read_statement("queue-ends/prod"),
        stack_read_statement("QueueEnds-prod"),
        log_write_statement(tuned, path),
        TRACE_STATEMENT,
    ]
    assert tuned.role_statements(path) == expected


def test_the_worker_is_told_what_is_set_and_what_the_stack_made(
    stack: Stack, tuned: Stack, lean: Stack
) -> None:
    defaults = {
        "STAGE": "dev",
        "POWERTOOLS_LOG_LEVEL": "INFO",
        "QUEUE_IDS": ",".join(QUEUES),
        "RETRY_DELAY_SECONDS": "30",
        "LEDGER_DAYS": "50",
    }
    for synthesised, expected in (
        (
            stack,
            defaults | {"DESTINATIONS": "actions,bus", "ENDS_BUS": stack.ref("Destinations/Bus")},
        ),
        (
            lean,
            defaults
            | {
                "POWERTOOLS_LOG_LEVEL": "ERROR",
                "DESTINATIONS": "archive",
                "ARCHIVE_STREAM": lean.ref("Destinations/Archive/Stream"),
            },
        ),
        (
            tuned,
            {
                "STAGE": "prod",
                "POWERTOOLS_LOG_LEVEL": "DEBUG",
                "QUEUE_IDS": "q1",
                "RETRY_DELAY_SECONDS": "900",
                "LEDGER_DAYS": "400",
                "DESTINATIONS": "archive,webhook,actions,bus",
                "ENDS_BUS": tuned.ref("Destinations/Bus"),
                "WEBHOOK_URL": "https://hooks.example.com/ended?team=1",
                "WEBHOOK_SECRET": "queue-ends/webhook",
                "WEBHOOK_ALLOW_PRIVATE": "true",
                "ARCHIVE_STREAM": tuned.ref("Destinations/Archive/Stream"),
                "DETAILS": "analytics",
                "DETAILS_WAIT_SECONDS": "300",
                "DETAILS_ATTEMPTS": "5",
                "DETAILS_PERSONAL": "true",
                "GENESYS_LOGIN_URL": "https://login.mypurecloud.ie",
                "GENESYS_API_URL": "https://proxy.example.com/api",
                "GENESYS_SECRET": "queue-ends/prod",
            },
        ),
    ):
        assert synthesised.environment("Worker") == expected | {
            "DELIVERY": "subscription",
            "QUEUE_URL": synthesised.ref("Intake/Queue"),
            "DEAD_LETTER_QUEUE_URL": synthesised.ref("Intake/DeadLetterQueue"),
            "QUEUE_NAMES": synthesised.attribute("Subscription/QueueNames/Default", "Names"),
            "LEDGER_TABLE": synthesised.ref("Ledger/Table"),
        }


def test_the_longest_environment_of_the_worker_fits_lambda(
    tuned: Stack, many_queues: Stack
) -> None:
    """Lambda takes 4 KB of environment, counted as JSON without spaces."""
    of_destinations = tuned.environment("Worker")
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
            "QUEUE_IDS": "x" * (MAX_WORKER_ENVIRONMENT_CHARACTERS - CHARACTERS_OF_DETAILS),
            "GENESYS_LOGIN_URL": "",
            "GENESYS_API_URL": "",
            "GENESYS_SECRET": "",
            "WEBHOOK_URL": "",
            "WEBHOOK_SECRET": "",
            "QUEUE_NAMES": "",
            "STAGE": stage,
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "LEDGER_DAYS": "3650",
            "RETRY_DELAY_SECONDS": "900",
            "WEBHOOK_ALLOW_PRIVATE": "false",
            "DESTINATIONS": of_destinations["DESTINATIONS"],
        }
        longest = of_destinations | synthesised.environment("Worker") | made | given
        assert all(isinstance(value, str) for value in longest.values())
        assert len(json.dumps(longest, separators=(",", ":"))) <= 4096


def test_lambda_lets_the_worker_send_itself_messages_only_if_it_does(
    stack: Stack, tuned: Stack, eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    for synthesised, recursive_loop in (
        (stack, None),
        (queue_legs, None),
        (tuned, "Allow"),  # details
        (eventbridge, "Allow"),  # details
        (many_queues, "Allow"),  # settling
    ):
        functions = synthesised.of_type("AWS::Lambda::Function")
        loops = {
            function["Properties"]["Handler"]: function["Properties"].get("RecursiveLoop")
            for function in functions
        }
        assert loops.pop("worker.handler.handler") == recursive_loop
        assert set(loops.values()) == {None}


def test_with_a_single_attempt_the_worker_may_not_send_itself_messages(
    stack_with: Callable[..., Stack],
) -> None:
    synthesised = stack_with(details="analytics", details_attempts=1)
    assert "RecursiveLoop" not in synthesised.properties("Worker/Function")
    sids = [statement["Sid"] for statement in synthesised.role_statements("Worker")]
    assert "ReadGenesysCredentials" in sids
    assert "SendDelayedEnds" not in sids


def test_the_worker_has_the_handler_time_and_memory_set(stack: Stack, tuned: Stack) -> None:
    for synthesised, expected in ((stack, (30, 256)), (tuned, (60, 512))):
        properties = synthesised.properties("Worker/Function")
        assert properties["Handler"] == "worker.handler.handler"
        assert (properties["Timeout"], properties["MemorySize"]) == expected


def test_the_mapping_reports_single_failures_and_counts_events(stack: Stack, tuned: Stack) -> None:
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
            "FunctionName": synthesised.ref("Worker/Function"),
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "MetricsConfig": {"Metrics": ["EventCount"]},
        }


def test_the_subscription_function_answers_in_time_and_never_late(stack: Stack) -> None:
    properties = stack.properties("Subscription/Provider/Function")
    assert properties["Handler"] == "provisioner.handler.handler"
    assert (properties["Timeout"], properties["MemorySize"]) == (240, 256)
    assert stack.environment("Subscription/Provider") == {
        "STAGE": "dev",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
    assert stack.properties("Subscription/Provider/Function/EventInvokeConfig") == {
        "FunctionName": stack.ref("Subscription/Provider/Function"),
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
    }
    resource = stack.properties("Subscription/Resource/Default")
    assert int(resource["ServiceTimeout"]) == 300 > properties["Timeout"]


def test_the_custom_resource_says_what_the_subscription_must_be(stack: Stack, tuned: Stack) -> None:
    for synthesised, expected in (
        (
            stack,
            {
                "Name": "queue-ends-dev",
                "Description": with_account_and_region(
                    "Conversation ends for the AWS stack QueueEnds-dev"
                ),
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
                "Description": with_account_and_region(
                    "Conversation ends for the AWS stack QueueEnds-prod"
                ),
                "AttributeFilter": '$exists(queue) and queue.id = "q1"',
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


@pytest.mark.parametrize(
    ("fixture", "source"), [("stack", "Subscription"), ("queue_legs", "EventSource")]
)
def test_the_names_of_the_queues_are_looked_up_by_the_deliverys_provisioner(
    request: pytest.FixtureRequest, fixture: str, source: str
) -> None:
    synthesised: Stack = request.getfixturevalue(fixture)
    resource = synthesised.resource(f"{source}/QueueNames/Default")
    assert resource["Type"] == "Custom::GenesysQueueNames"
    assert resource["Properties"] == {
        "ServiceToken": synthesised.arn(f"{source}/Provider/Function"),
        "ServiceTimeout": "300",
        "QueueIds": list(QUEUES),
        "SecretName": "queue-ends/genesys",
        "LoginUrl": "https://login.mypurecloud.com",
        "ApiUrl": "https://api.mypurecloud.com",
        "EnvironmentBytes": str(
            MAX_WORKER_ENVIRONMENT_CHARACTERS + 65 + 80 - len(",".join(QUEUES))
        ),
    }


def test_only_a_deploy_that_says_when_it_began_looks_names_up_anew(
    stack: Stack, stack_with: Callable[..., Stack]
) -> None:
    deployed_at = "2026-12-01T10:00:00Z"
    dated = stack_with(deployed_at=deployed_at)
    path = "Subscription/QueueNames/Default"
    assert dated.properties(path) == stack.properties(path) | {"RequestedAt": deployed_at}
    changed = {
        logical_id
        for logical_id, resource in stack.template["Resources"].items()
        if resource != dated.template["Resources"][logical_id]
    }
    assert changed == {stack.ids[path]}


def test_names_are_looked_up_before_anything_in_genesys_cloud_is_changed(
    stack: Stack, eventbridge: Stack
) -> None:
    for synthesised, source in ((stack, "Subscription"), (eventbridge, "EventSource")):
        names = f"{source}/QueueNames/Default"
        provider = f"{source}/Provider/"
        assert all(path.startswith(provider) for path in synthesised.dependencies_of(names))
        for path in (
            f"{source}/Resource/Default",
            "Worker/Function",
            "Monitoring/Dashboard/Dashboard",
        ):
            assert names in synthesised.dependencies_of(path)


def test_the_worker_gets_no_permission_for_the_names(stack: Stack, queue_legs: Stack) -> None:
    """Neither for Genesys Cloud's secret, nor for another place that could hold names."""
    for synthesised in (stack, queue_legs):
        statements = synthesised.role_statements("Worker")
        assert [statement["Sid"] for statement in statements] == [
            "ReadIntakeQueue",
            "RejectToDeadLetterQueue",
            "KeepLedger",
            "PutEndsOnBus",
            "WriteLogs",
        ]
