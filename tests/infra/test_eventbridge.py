"""Delivery `eventbridge`: the integration, the bus, the rules, and the permissions to send."""

import json
from typing import Any

from tests.infra.stacks import (
    QUEUES,
    Stack,
    allow_statement,
    deny_without_tls,
    log_write_statement,
    secret_read_statement,
    stack_read_statement,
    with_account_and_region,
)

TOPIC = "v2.detail.events.conversation.{id}."
QUEUE_TOPICS = [
    TOPIC + name for name in ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
]
LEG_TOPICS = [TOPIC + "acd.end", TOPIC + "user.end"]
CUSTOMER_END = TOPIC + "customer.end"
SOURCE = "EventSource/Resource/Default"
ACTIVE = "EventSource/Active/Default"


def source_name_of(stack: Stack) -> dict[str, Any]:
    return stack.attribute(SOURCE, "EventSourceName")


def rule_arn(stack: Stack, name: str) -> dict[str, Any]:
    account = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]
    start = ["arn:", {"Ref": "AWS::Partition"}, ":events:", *account, ":rule/"]
    return {"Fn::Join": ["", [*start, source_name_of(stack), f"/{name}"]]}


def rules_of(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return the properties of the bus's rules, keyed by rule name."""
    rules = [rule["Properties"] for rule in stack.of_type("AWS::Events::Rule")]
    return {rule["Name"]: rule for rule in rules if "EventBusName" in rule}


# The integration


def test_the_custom_resource_says_what_the_integration_must_be(
    eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    for synthesised, stage, topics in (
        (eventbridge, "dev", [*QUEUE_TOPICS, CUSTOMER_END]),
        (many_queues, "s" * 54, [*QUEUE_TOPICS, CUSTOMER_END]),
        (queue_legs, "dev", LEG_TOPICS),
    ):
        resource = synthesised.resource(SOURCE)
        assert resource["Type"] == "Custom::GenesysEventSource"
        assert resource["Properties"] == {
            "ServiceToken": synthesised.arn("EventSource/Provider/Function"),
            "ServiceTimeout": "300",
            "Name": f"queue-ends-{stage}",
            "Notes": with_account_and_region(
                f"Conversation events for the AWS stack QueueEnds-{stage}"
            ),
            "AccountId": {"Ref": "AWS::AccountId"},
            "Region": {"Ref": "AWS::Region"},
            "Suffix": f"QueueEnds-{stage}",
            "Topics": topics,
            "SecretName": "queue-ends/genesys",
            "LoginUrl": "https://login.mypurecloud.com",
            "ApiUrl": "https://api.mypurecloud.com",
        }


def test_there_is_an_integration_or_a_subscription_and_its_id_is_an_output(
    stack: Stack, eventbridge: Stack
) -> None:
    assert eventbridge.of_type("Custom::GenesysSubscription") == []
    assert stack.of_type("Custom::GenesysEventSource") == []
    outputs = eventbridge.template["Outputs"]
    assert outputs["SubscriptionId"]["Value"] == eventbridge.attribute(SOURCE, "IntegrationId")
    assert outputs.keys() == stack.template["Outputs"].keys()


def test_the_function_that_answers_may_see_genesys_clouds_event_sources(
    eventbridge: Stack,
) -> None:
    region = ["arn:", {"Ref": "AWS::Partition"}, ":events:", {"Ref": "AWS::Region"}]
    sources = {"Fn::Join": ["", [*region, "::event-source/aws.partner/genesys.com/*"]]}
    assert eventbridge.role_statements("EventSource/Provider") == [
        secret_read_statement("queue-ends/genesys"),
        stack_read_statement(),
        allow_statement("SeePartnerEventSources", "events:DescribeEventSource", sources),
        log_write_statement(eventbridge, "EventSource/Provider"),
    ]


def test_the_function_that_answers_for_the_integration_does_so_in_time(
    stack: Stack, eventbridge: Stack
) -> None:
    for path in ("Function", "Function/EventInvokeConfig"):
        of_source = eventbridge.properties(f"EventSource/Provider/{path}")
        of_subscription = stack.properties(f"Subscription/Provider/{path}")
        for key in ("Handler", "Timeout", "MemorySize", "MaximumRetryAttempts"):
            assert of_source.get(key) == of_subscription.get(key)
    assert eventbridge.properties(ACTIVE) == {
        "ServiceToken": eventbridge.arn("EventSource/Provider/Function"),
        "ServiceTimeout": "300",
        "EventSourceName": source_name_of(eventbridge),
    }


# The bus and its rules


def test_the_bus_is_that_of_the_event_source_and_nothing_else_is_set_on_it(
    eventbridge: Stack,
) -> None:
    bus = eventbridge.properties("EventSource/Bus")
    source = source_name_of(eventbridge)
    assert {key: value for key, value in bus.items() if key != "Tags"} == {
        "Name": source,
        "EventSourceName": source,
    }


def test_rules_take_our_queues_events_and_what_the_end_rule_waits_for(
    eventbridge: Stack, queue_legs: Stack
) -> None:
    for synthesised, topics in ((eventbridge, QUEUE_TOPICS), (queue_legs, LEG_TOPICS)):
        assert rules_of(synthesised)["queues-1"]["EventPattern"] == {
            "source": [source_name_of(synthesised)],
            "detail-type": topics,
            "detail": {"eventBody": {"queueId": list(QUEUES)}},
        }
    assert rules_of(eventbridge).keys() == {"queues-1", "customer-end"}
    assert rules_of(queue_legs).keys() == {"queues-1"}
    assert rules_of(eventbridge)["customer-end"]["EventPattern"] == {
        "source": [source_name_of(eventbridge)],
        "detail-type": [CUSTOMER_END],
    }


def test_the_queues_of_a_long_list_are_spread_over_rules_that_eventbridge_takes(
    many_queues: Stack,
) -> None:
    rules = rules_of(many_queues)
    assert list(rules) == ["queues-1", "queues-2", "queues-3", "customer-end"]
    # AWS allows 2,048 characters, with the source name's up to 256 that CloudFormation fills in.
    name = "aws.partner/genesys.com/cloud/".ljust(256, "s")
    found = []
    for rule in rules.values():
        resolved = rule["EventPattern"] | {"source": [name]}
        assert len(json.dumps(resolved)) <= 2048
        found += resolved.get("detail", {"eventBody": {"queueId": []}})["eventBody"]["queueId"]
    assert found == [f"{n:x>64}" for n in range(50)]


def test_each_rule_sends_to_the_intake_queue_else_to_the_undelivered(
    eventbridge: Stack, many_queues: Stack
) -> None:
    for synthesised in (eventbridge, many_queues):
        for rule in rules_of(synthesised).values():
            assert rule["EventBusName"] == synthesised.ref("EventSource/Bus")
            assert rule["Targets"] == [
                {
                    "Id": "Intake",
                    "Arn": synthesised.arn("Intake/Queue"),
                    "RetryPolicy": {
                        "MaximumEventAgeInSeconds": 24 * 60 * 60,
                        "MaximumRetryAttempts": 185,
                    },
                    "DeadLetterConfig": {"Arn": synthesised.arn("EventSource/DeadLetterQueue")},
                }
            ]


def test_undelivered_events_are_kept_for_14_days(eventbridge: Stack, many_queues: Stack) -> None:
    for synthesised, stage in ((eventbridge, "dev"), (many_queues, "s" * 54)):
        properties = synthesised.properties("EventSource/DeadLetterQueue")
        assert properties["QueueName"] == f"queue-ends-{stage}-undelivered"
        assert properties["MessageRetentionPeriod"] == 14 * 86_400
        assert properties["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in properties


def test_only_the_rules_may_send_to_the_queues_and_only_over_tls(
    eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    for synthesised, names in (
        (eventbridge, ["queues-1", "customer-end"]),
        (many_queues, ["queues-1", "queues-2", "queues-3", "customer-end"]),
        (queue_legs, ["queues-1"]),
    ):
        arns = [rule_arn(synthesised, name) for name in names]
        for path in ("Intake/Queue", "EventSource/DeadLetterQueue"):
            queue = synthesised.arn(path)
            principal = {"Service": "events.amazonaws.com"}
            condition = {"ArnEquals": {"aws:SourceArn": arns}}
            send_statement = allow_statement(
                "PartnerBusRulesSend",
                "sqs:SendMessage",
                queue,
                Principal=principal,
                Condition=condition,
            )
            assert synthesised.policy_statements(path) == [deny_without_tls(queue), send_statement]
        assert "765628985471" not in json.dumps(synthesised.template)


def test_the_bus_is_archived_where_that_is_set_and_never_in_the_emulator(
    eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    archive = many_queues.properties("EventSource/Archive")
    assert archive["RetentionDays"] == 30
    assert archive["SourceArn"] == many_queues.arn("EventSource/Bus")
    assert "EventPattern" not in archive
    for synthesised in (eventbridge, queue_legs):
        assert synthesised.of_type("AWS::Events::Archive") == []
    for synthesised in (eventbridge, many_queues, queue_legs):
        assert synthesised.of_type("AWS::Events::EventBusPolicy") == []


# The order


def test_the_integration_comes_late_its_bus_after_it_and_the_rules_last(
    eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    for synthesised in (eventbridge, many_queues, queue_legs):
        all_paths = synthesised.ids.keys()
        rules = {path for path in all_paths if path.startswith("EventSource/Rule-")}
        archive = all_paths & {"EventSource/Archive"}
        policies = {"Intake/Queue/Policy", "EventSource/DeadLetterQueue/Policy"}
        monitoring = {path for path in all_paths if path.startswith("Monitoring/")}
        schedule = {path for path in all_paths if path.startswith("Watchdog/Sched")}
        late = {
            SOURCE,
            ACTIVE,
            "EventSource/Bus",
            *archive,
            *policies,
            *rules,
            *monitoring,
            *schedule,
        }
        early = all_paths - late
        assert synthesised.dependencies_of(SOURCE) == early
        # No alarm can fail while the integration is being made.
        assert all(SOURCE in synthesised.dependencies_of(path) for path in monitoring)
        for rule in rules:
            before = early | {SOURCE, "EventSource/Bus"} | policies
            assert before <= synthesised.dependencies_of(rule)
        last = {ACTIVE} | archive | monitoring | schedule
        assert synthesised.dependencies_of(ACTIVE) == all_paths - last


def test_rules_are_changed_one_after_the_other(many_queues: Stack) -> None:
    """A queue that moves to an earlier rule is in that rule before its old rule drops it."""
    rules = [f"EventSource/Rule-{name}" for name in rules_of(many_queues)]
    for number, rule in enumerate(rules):
        assert set(rules[:number]) <= many_queues.dependencies_of(rule)


# The worker


def test_the_worker_is_told_how_events_come_and_what_counts_as_an_end(
    eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    for synthesised, end_rule, settle_seconds in (
        (eventbridge, "touched", "60"),
        (many_queues, "last_queue", "900"),
        (queue_legs, "queue_leg", "60"),
    ):
        variables = synthesised.environment("Worker")
        assert variables["DELIVERY"] == "eventbridge"
        assert variables["END_RULE"] == end_rule
        assert variables["SETTLE_SECONDS"] == settle_seconds


def test_only_to_settle_or_to_await_details_may_the_worker_send_to_its_own_queue(
    stack: Stack, eventbridge: Stack, many_queues: Stack, queue_legs: Stack
) -> None:
    for synthesised, expected in (
        (stack, []),
        (eventbridge, ["SendDelayedEnds"]),
        (many_queues, ["SendSettleEvents"]),
        (queue_legs, []),
    ):
        intake = synthesised.arn("Intake/Queue")
        send_statements = [
            statement
            for statement in synthesised.role_statements("Worker")
            if statement["Resource"] == intake and "sqs:SendMessage" in statement["Action"]
        ]
        assert [statement["Sid"] for statement in send_statements] == expected


# The template as a whole


def test_every_wildcard_for_eventbridge_is_meant(eventbridge: Stack, many_queues: Stack) -> None:
    # The TLS statements of three queues and the SNS topic; and for each of two functions, the
    # secret's random suffix, the partner event sources and the id in the stack's ARN.
    meant = [":secret:queue-ends/genesys-??????", "::event-source/aws.partner/genesys.com/*"] * 2
    meant += ["*", "sqs:*"] * 3 + ["*"]
    # With details, the worker reads the secret, too.
    of_details = [":secret:queue-ends/genesys-??????"]
    for synthesised, stage, more in (
        (eventbridge, "dev", of_details),
        (many_queues, "s" * 54, []),
    ):
        names = [f":alarm:QueueEnds-{stage}-*", *[f":stack/QueueEnds-{stage}/*"] * 2]
        assert synthesised.wildcards() == sorted([*meant, *names, *more])
        for policy in synthesised.of_type("AWS::SQS::QueuePolicy"):
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement) or statement["Effect"] == "Deny"


def test_rules_are_tagged_but_not_for_the_emulator(eventbridge: Stack, queue_legs: Stack) -> None:
    for synthesised, but in ((eventbridge, set()), (queue_legs, {"AWS::Events::Rule"})):
        every = synthesised.resources
        assert {r["Type"] for r in every if "Tags" not in r["Properties"]} == but | {
            "AWS::SQS::QueuePolicy",
            "AWS::SNS::TopicPolicy",
            "AWS::Lambda::EventInvokeConfig",
            "AWS::Lambda::Permission",
            "Custom::GenesysEventSource",
            "Custom::GenesysEventSourceActive",
            "Custom::GenesysQueueNames",
        }


def test_everything_of_eventbridge_is_deleted_with_the_stack(many_queues: Stack) -> None:
    policies = {resource.get("DeletionPolicy", "Delete") for resource in many_queues.resources}
    assert policies == {"Delete"}
