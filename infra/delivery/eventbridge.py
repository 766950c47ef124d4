"""Delivery through Amazon EventBridge: the integration, its partner bus, and the rules on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import ArnFormat, CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX
from infra.delivery.event_patterns import Pattern, queue_patterns, topic_pattern
from infra.delivery.provider import Provider
from infra.intake_queues import IntakeQueues
from infra.settings.retries import DEAD_LETTER_DAYS
from infra.settings.settings import Settings

RESOURCE_TYPE = "Custom::GenesysEventSource"
# Of the topics whose events name a queue, those that each end rule looks at.
_OF_QUEUES = {
    "touched": QUEUE_TOPICS,
    "last_queue": QUEUE_TOPICS,
    "queue_leg": ("acd.end", "user.end"),
}
# The end of a conversation as such, for the end rules that wait for it.
_OF_CUSTOMERS: dict[str, tuple[str, ...]] = {
    "touched": (CUSTOMER_END,),
    "last_queue": (CUSTOMER_END,),
    "queue_leg": (),
}


class EventBridgeSource(Construct):
    """The integration in Genesys Cloud, the bus on its event source, and rules to the intake queue.

    The integration must be there before its bus can be. Nothing is delivered before the rules
    are, and these come after all that takes what they deliver.

    Attributes
    ----------
    resource
        The custom resource that stands for the integration; its `IntegrationId` is Genesys
        Cloud's id.
    dead_letter_queue
        Keeps for 14 days the events that EventBridge could not deliver to the intake queue.
    function
        The function that answers for the custom resource.
    deployed
        Its type and its properties: what should be in Genesys Cloud.
    statements
        What a function that looks at it must be allowed to do in AWS.
    bus
        The partner event bus.
    rules
        The rules on it, which deliver to the intake queue.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letter_queue = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=settings.undelivered_queue_name,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            encryption=sqs.QueueEncryption.SQS_MANAGED,  # as EventBridge cannot use AWS's own key
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        self.statements: Sequence[iam.PolicyStatement] = [_sees_event_sources(self)]
        provider = Provider(
            self,
            "Provider",
            settings=settings,
            code=code,
            makes="integration",
            statements=self.statements,
        )
        self.function = provider.function
        properties = _integration(self, settings)
        self.deployed: Mapping[str, Any] = {
            "ResourceType": RESOURCE_TYPE,
            "ResourceProperties": properties,
        }
        self.resource = provider.resource(self, "Resource", RESOURCE_TYPE, properties)
        # Not with its policy, which names what is made of the integration.
        self.resource.node.add_dependency(self.dead_letter_queue.node.find_child("Resource"))
        source = self.resource.get_att_string("EventSourceName")
        self.bus = events.EventBus(self, "Bus", event_source_name=source)
        self._archive(settings, self.bus)
        patterns = _patterns(source, settings)
        self.rules = self._rules(patterns, self.bus, intake)
        self._let_send(source, list(patterns), self.rules, intake)
        self._once_active(provider, self.bus, self.rules)

    def _archive(self, settings: Settings, bus: events.EventBus) -> None:
        # Emulators know no such archive, and refuse the whole template.
        if settings.archive_days and settings.packaging != "host":
            events.CfnArchive(
                self,
                "Archive",
                source_arn=bus.event_bus_arn,
                description=f"Events of the partner bus of {settings.stack_name}",
                retention_days=settings.archive_days,
            )

    def _rules(
        self, patterns: dict[str, Pattern], bus: events.EventBus, intake: IntakeQueues
    ) -> list[events.CfnRule]:
        target = events.CfnRule.TargetProperty(
            id="Intake",
            arn=intake.queue.queue_arn,
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=86_400, maximum_retry_attempts=185
            ),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                arn=self.dead_letter_queue.queue_arn
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
            # One after the other: a queue that moves is in its new rule before it leaves the old.
            for former in rules[-1:]:
                rule.node.add_dependency(former)
            rules.append(rule)
        return rules

    def _let_send(
        self, source: str, names: list[str], rules: list[events.CfnRule], intake: IntakeQueues
    ) -> None:
        """Let the rules, and nothing else of EventBridge's, send to the two queues.

        An event that may not be delivered is not tried again: the policies come before the rules,
        and know these by the names that they will have.
        """
        stack = Stack.of(self)
        arns = [
            stack.format_arn(service="events", resource="rule", resource_name=f"{source}/{name}")
            for name in names
        ]
        for queue in (intake.queue, self.dead_letter_queue):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="PartnerBusRulesSend",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": arns}},
                )
            )
        for rule in rules:
            rule.node.add_dependency(intake, self.dead_letter_queue)

    def _once_active(
        self, provider: Provider, bus: events.EventBus, rules: list[events.CfnRule]
    ) -> None:
        """Hold the deploy until the event source is active: it is pending until it has its bus."""
        active: CustomResource = provider.resource(
            self,
            "Active",
            "Custom::GenesysEventSourceActive",
            {"EventSourceName": self.resource.get_att_string("EventSourceName")},
        )
        active.node.add_dependency(bus, *rules)


def _integration(scope: Construct, settings: Settings) -> dict[str, object]:
    stack = Stack.of(scope)
    topics = _OF_QUEUES[settings.end_rule] + _OF_CUSTOMERS[settings.end_rule]
    return {
        "Name": settings.subscription_name,
        "Notes": f"Conversation events for the AWS stack {settings.stack_name}",
        "AccountId": stack.account,
        "Region": stack.region,
        "Suffix": settings.event_source_suffix,
        "Topics": [TOPIC_PREFIX + topic for topic in topics],
        "SecretName": settings.genesys_secret,
        "LoginUrl": settings.login_url,
        "ApiUrl": settings.api_url,
    }


def _patterns(source: str, settings: Settings) -> dict[str, Pattern]:
    """Return the rules' patterns by the names of the rules, which are those of their bus alone."""
    topics = [TOPIC_PREFIX + topic for topic in _OF_QUEUES[settings.end_rule]]
    of_queues = queue_patterns(source, topics, settings.queue_ids)
    patterns = {f"queues-{number}": pattern for number, pattern in enumerate(of_queues, start=1)}
    if topics := [TOPIC_PREFIX + topic for topic in _OF_CUSTOMERS[settings.end_rule]]:
        # These events name no queue: those of all the org's conversations pass.
        patterns["customer-end"] = topic_pattern(source, topics)
    return patterns


def _sees_event_sources(scope: Construct) -> iam.PolicyStatement:
    # The org's id is in the name, and known only when Genesys Cloud has been asked.
    arn = Stack.of(scope).format_arn(
        service="events",
        account="",
        resource="event-source",
        resource_name="aws.partner/genesys.com/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    return iam.PolicyStatement(
        sid="SeePartnerEventSources", actions=["events:DescribeEventSource"], resources=[arn]
    )
