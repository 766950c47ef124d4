"""Delivery `eventbridge`: the integration, its partner event bus, and the rules on the bus."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IDependable

from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX
from genesys.integration_spec import make_notes

from ..findings import acknowledge, wildcard_finding
from ..function.keys import stack_key
from ..function.requirements import Requirements
from ..intake_queues import IntakeQueues, make_queue
from ..settings.retries import DEAD_LETTER_DAYS
from ..settings.settings import Settings
from .event_patterns import Pattern, queue_patterns, topic_pattern
from .eventbridge_monitoring import make_monitored_source
from .provider import Provider
from .queue_names import QueueNames
from .source import Source

RESOURCE_TYPE = "Custom::GenesysEventSource"
# End rule → the topics that the rule reads and whose events name a queue.
_TOPICS_WITH_QUEUE = {
    "touched": QUEUE_TOPICS,
    "last_queue": QUEUE_TOPICS,
    "queue_leg": ("acd.end", "user.end"),
}
# End rule → the topics that the rule reads and whose events name no queue.
_TOPICS_WITHOUT_QUEUE: dict[str, tuple[str, ...]] = {
    "touched": (CUSTOMER_END,),
    "last_queue": (CUSTOMER_END,),
    "queue_leg": (),
}


class EventBridgeSource(Source):
    """The integration, the partner event bus, and rules that send events to the intake queue."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
    ) -> None:
        super().__init__(scope, "EventSource")
        self._intake = intake
        self._undelivered_queue = make_queue(
            self,
            # If this id changed, CloudFormation would replace the queue.
            "DeadLetterQueue",
            key=stack_key(self, settings),
            queue_name=settings.undelivered_queue_name,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
        )
        reason = "It is the dead-letter queue of the bus's rules."
        acknowledge(
            self._undelivered_queue,
            {"AwsSolutions-SQS3": reason, "Serverless-SQSRedrivePolicy": reason},
        )
        self.own_queues = [self._undelivered_queue]
        lookup_requirements = _event_source_lookup_requirements(self)
        provider = Provider(
            self,
            "Provider",
            settings=settings,
            code=code,
            noun="integration",
            requirements=[lookup_requirements],
        )
        properties = _integration_properties(self, settings)
        self.custom_resource = provider.make_custom_resource(
            self, "Resource", RESOURCE_TYPE, properties
        )
        self.resource_id = self.custom_resource.get_att_string("IntegrationId")
        event_source_name = self.custom_resource.get_att_string("EventSourceName")
        bus = events.EventBus(self, "Bus", event_source_name=event_source_name)
        if settings.archive_days:
            # This archive of EventBridge is independent of the destination `archive`.
            events.CfnArchive(
                self,
                "Archive",
                source_arn=bus.event_bus_arn,
                description=f"Events of the partner bus of {settings.stack_name}",
                retention_days=settings.archive_days,
                kms_key_identifier=settings.kms_key_arn,
            )
        patterns = _patterns_by_rule_name(event_source_name, settings)
        rules = self._make_rules(patterns, bus)
        self._allow_rules_to_send(event_source_name, rules)
        self._await_active_event_source(provider, bus, rules)
        self.queue_names = QueueNames(self, settings=settings, provider=provider)
        self.backfill_rule = settings.end_rule
        self.worker_requirements = _worker_requirements(settings, intake)
        self.watchdog_requirements = Requirements(
            self.expected_resource_environment(RESOURCE_TYPE, properties),
            lookup_requirements.statements,
            lookup_requirements.accepted_findings,
        )
        self.monitored_source = make_monitored_source(
            provisioner=provider.function,
            queue_labels=self.queue_names.labels,
            max_delay_seconds=settings.settle_seconds if _settles(settings) else 0,
            undelivered_queue=self._undelivered_queue,
            bus=bus,
            rules=rules,
        )

    def order_deployment(self, prerequisites: Sequence[IDependable], monitoring: Construct) -> None:
        """Make CloudFormation create the integration after all resources that do not depend on it.

        These depend on the integration: the partner event bus, its rules, the monitoring, the
        watchdog's schedule, and the queue policies, which name the rules.
        """
        undelivered_queue_without_policy = self._undelivered_queue.node.find_child("Resource")
        # The intake queue need not be listed: the worker is a prerequisite and depends on it.
        self.custom_resource.node.add_dependency(
            self._intake.dead_letter_queue, undelivered_queue_without_policy, *prerequisites
        )
        monitoring.node.add_dependency(self.custom_resource)

    def _make_rules(
        self, patterns: dict[str, Pattern], bus: events.EventBus
    ) -> list[events.CfnRule]:
        target = events.CfnRule.TargetProperty(
            id="Intake",
            arn=self._intake.queue.queue_arn,
            # These are EventBridge's maximum values.
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=86_400, maximum_retry_attempts=185
            ),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                arn=self._undelivered_queue.queue_arn
            ),
        )
        rules: list[events.CfnRule] = []
        for name, pattern in patterns.items():
            rule = events.CfnRule(
                self,
                f"Rule-{name}",
                name=name,
                event_bus_name=bus.event_bus_name,
                event_pattern=pattern,
                targets=[target],
            )
            # The rules are updated in the order of their numbers. A queue id moves only to a lower
            # number (see `queue_patterns`), so the new rule has it before the old rule loses it.
            if rules:
                rule.node.add_dependency(rules[-1])
            rules.append(rule)
        return rules

    def _allow_rules_to_send(self, event_source_name: str, rules: list[events.CfnRule]) -> None:
        """Allow exactly these rules to send to the intake queue and the undelivered queue.

        EventBridge does not retry an event that a queue policy refuses. So the policies are created
        before the rules, and contain the ARNs that the rules will have.
        """
        stack = Stack.of(self)
        rule_arns = [
            stack.format_arn(
                service="events", resource="rule", resource_name=f"{event_source_name}/{rule.name}"
            )
            for rule in rules
        ]
        for queue in (self._intake.queue, self._undelivered_queue):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="PartnerBusRulesSend",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": rule_arns}},
                )
            )
        for rule in rules:
            rule.node.add_dependency(self._intake, self._undelivered_queue)

    def _await_active_event_source(
        self, provider: Provider, bus: events.EventBus, rules: list[events.CfnRule]
    ) -> None:
        """Add a second custom resource, which waits until the partner event source is active.

        The partner event source stays pending for some time after the bus is created.
        """
        activation = provider.make_custom_resource(
            self,
            "Active",
            "Custom::GenesysEventSourceActive",
            {"EventSourceName": self.custom_resource.get_att_string("EventSourceName")},
        )
        activation.node.add_dependency(bus, *rules)


def _settles(settings: Settings) -> bool:
    """Return whether the worker waits for late events before it decides about an end."""
    return settings.end_rule == "last_queue"


def _worker_requirements(settings: Settings, intake: IntakeQueues) -> Requirements:
    environment = {
        "DELIVERY": "eventbridge",
        "END_RULE": settings.end_rule,
        "SETTLE_SECONDS": str(settings.settle_seconds),
    }
    send_statement = iam.PolicyStatement(
        sid="SendSettleEvents",
        actions=["sqs:SendMessage"],
        resources=[intake.queue.queue_arn],
    )
    if not _settles(settings):
        return Requirements(environment)
    return Requirements(environment, [send_statement], sends_to_itself=True)


def _integration_properties(scope: Construct, settings: Settings) -> dict[str, object]:
    stack = Stack.of(scope)
    topics = _TOPICS_WITH_QUEUE[settings.end_rule] + _TOPICS_WITHOUT_QUEUE[settings.end_rule]
    return {
        "Name": settings.resource_name,
        "Notes": make_notes(stack.stack_name, stack.account, stack.region),
        "AccountId": stack.account,
        "Region": stack.region,
        "Suffix": settings.event_source_suffix,
        "Topics": [TOPIC_PREFIX + topic for topic in topics],
        "SecretName": settings.genesys_secret,
        "LoginUrl": settings.login_url,
        "ApiUrl": settings.api_url,
    }


def _patterns_by_rule_name(event_source_name: str, settings: Settings) -> dict[str, Pattern]:
    """Return the event patterns, keyed by rule name."""
    topics_with_queue = [TOPIC_PREFIX + topic for topic in _TOPICS_WITH_QUEUE[settings.end_rule]]
    topics_without_queue = [
        TOPIC_PREFIX + topic for topic in _TOPICS_WITHOUT_QUEUE[settings.end_rule]
    ]
    # A rule name has to be unique only on its bus, so the stage need not be in the name.
    patterns = {
        f"queues-{number}": pattern
        for number, pattern in enumerate(
            queue_patterns(event_source_name, topics_with_queue, settings.queue_ids), start=1
        )
    }
    if topics_without_queue:
        # This pattern cannot select queues, so it matches events of all the org's conversations.
        patterns["customer-end"] = topic_pattern(event_source_name, topics_without_queue)
    return patterns


def _event_source_lookup_requirements(scope: Construct) -> Requirements:
    """Return what the provisioner and watchdog need to look up a partner event source's state."""
    arn = Stack.of(scope).format_arn(
        service="events",
        account="",
        resource="event-source",
        resource_name="aws.partner/genesys.com/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    statement = iam.PolicyStatement(
        sid="SeePartnerEventSources", actions=["events:DescribeEventSource"], resources=[arn]
    )
    reason = "The name of a partner event source contains an id that only Genesys Cloud knows."
    return Requirements(
        statements=[statement], accepted_findings={wildcard_finding(scope, arn): reason}
    )
