"""The construct `QueueEnds` in a stack of another app."""

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Environment, NestedStack, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Annotations, Match, Template
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.packaging import Asset
from infra.queue_ends import QueueEnds, StageTaken
from infra.settings.reading import SettingsError, make_settings
from tests.infra.conftest import COMPANY, CONTEXT
from tests.infra.stacks import QUEUES


@pytest.fixture
def asset(tmp_path: Path) -> Asset:
    (tmp_path / "asset").mkdir()
    return Asset(tmp_path / "asset", "hash-of-the-code")


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(outdir=str(tmp_path / "cdk"), builtin_cloud_formation_validation=False)


def add(stack: Stack, asset: Asset, construct_id: str = "QueueEnds", **values: Any) -> QueueEnds:
    settings = make_settings(**{"queue_ids": QUEUES} | values)
    return QueueEnds(stack, construct_id, settings=settings, asset=asset)


def test_an_app_adds_to_the_parts_and_the_worker_gets_what_it_grants(
    app: App, asset: Asset
) -> None:
    stack = Stack(app, "Theirs")
    queue_ends = add(stack, asset, tags={"team": "care"})
    assert queue_ends.bus
    pattern = events.EventPattern(source=["queue-ends"])
    events.Rule(stack, "Rule", event_bus=queue_ends.bus, event_pattern=pattern)
    table = dynamodb.Table(
        stack,
        "Table",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    )
    table.grant(queue_ends.worker.role, "dynamodb:PutItem")
    sqs.Queue(stack, "Queue")
    template = Template.from_stack(stack)

    template.has_resource_properties(
        "AWS::IAM::Policy",
        {
            "Roles": [stack.resolve(queue_ends.worker.role.role_name)],
            "PolicyDocument": {"Statement": [{"Action": "dynamodb:PutItem"}]},
        },
    )
    bus = stack.resolve(queue_ends.bus.event_bus_name)
    template.has_resource_properties("AWS::Events::Rule", {"EventBusName": bus})
    assert queue_ends.intake.dead_letter_queue.node.path.startswith("Theirs/QueueEnds/")
    assert "backlog" in queue_ends.alarms.by_id
    # Their own resources have no tags of ours.
    queues = template.find_resources("AWS::SQS::Queue").values()
    tags = [queue.get("Properties", {}).get("Tags", []) for queue in queues]
    assert sorted(map(len, tags)) == [0, 3, 3]


def test_it_can_be_in_a_nested_stack(app: App, asset: Asset) -> None:
    nested = NestedStack(Stack(app, "Theirs"), "Inner")
    add(nested, asset, role_prefix="acme-")
    resources = Template.from_stack(nested).to_json()["Resources"]

    names = [r["Properties"]["RoleName"] for r in resources.values() if "Role" in r["Type"]]
    assert len(names) == len({str(name) for name in names}) == 3


def test_cdk_nag_accepts_it_in_a_known_account_and_in_a_nested_stack(
    tmp_path: Path, asset: Asset
) -> None:
    """The findings' ids contain the account, the region and the stack as the template does."""
    app = App(context=CONTEXT, outdir=str(tmp_path), builtin_cloud_formation_validation=False)
    stack = Stack(app, "Theirs", env=Environment(account="123456789012", region="us-east-1"))
    company: dict[str, Any] = COMPANY | {"tags": {}, "delivery": "eventbridge"}
    add(stack, asset, **company)
    add(NestedStack(stack, "Inner"), asset, **company | {"stage": "other"})

    violations = [
        *AwsSolutionsChecks().validate_scope(stack).violations,
        *ServerlessChecks().validate_scope(stack).violations,
    ]
    assert violations == []


def test_its_outputs_are_named_like_those_of_the_projects_stack(app: App, asset: Asset) -> None:
    stack = Stack(app, "QueueEnds-dev")
    add(stack, asset).add_outputs(stack)

    assert {"QueueUrl", "WorkerFunctionName"} <= Template.from_stack(stack).to_json()[
        "Outputs"
    ].keys()


def test_a_stage_is_taken_in_its_org_and_in_its_region(app: App, asset: Asset) -> None:
    ours = Environment(account="123456789012", region="eu-west-1")
    elsewhere = Environment(account="123456789012", region="eu-central-1")
    first, other_region = Stack(app, "A", env=ours), Stack(app, "B", env=elsewhere)
    same_region, other_org = Stack(app, "C", env=ours), Stack(app, "D", env=elsewhere)
    add(first, asset)

    add(first, asset, "Another", stage="prod")
    add(other_org, asset, genesys_environment="mypurecloud.de")
    with pytest.raises(StageTaken, match=r"A/QueueEnds and B/QueueEnds .* one Genesys Cloud org"):
        add(other_region, asset)
    with pytest.raises(StageTaken, match="one account and region"):
        add(same_region, asset, genesys_environment="mypurecloud.ie")


def test_the_warnings_of_its_settings_are_its_annotations(app: App, asset: Asset) -> None:
    stack = Stack(app, "Theirs")
    add(stack, asset, queue_ids=["support"], settle_seconds=5)

    warnings = Annotations.from_stack(stack).find_warning("/Theirs/QueueEnds", Match.any_value())
    texts = [str(warning.entry.data) for warning in warnings]
    assert any("does not look like a Genesys Cloud queue id" in text for text in texts)
    assert any("settle_seconds has no effect" in text for text in texts)


def test_mistakes_in_python_values_are_listed_like_those_in_a_file() -> None:
    with pytest.raises(SettingsError) as error:
        make_settings("Dev", queue_ids=(), batch_sise=5, tracing="true")

    assert error.value.mistakes == [
        'batch_sise = 5 (make_settings): is no setting; did you mean "batch_size"?',
        'stage = "Dev" (make_settings): must be 1 to 62 lower-case letters, digits or hyphens, no '
        "hyphen first or last",
        "queue_ids = [] (make_settings): must name 1 to 50 queues; it names 0",
        'tracing = "true" (make_settings): must be true or false',
    ]


def test_the_region_of_a_stack_decides_about_its_settings(app: App) -> None:
    china = Stack(app, "China", env=Environment(region="cn-north-1"))
    anywhere = Stack(app, "Anywhere")

    with pytest.raises(SettingsError, match="AWS China"):
        make_settings(queue_ids=QUEUES, region=china.region)
    assert make_settings(queue_ids=QUEUES, region=anywhere.region).region is None


def test_settings_that_do_not_know_the_region_are_checked_in_the_stack(
    app: App, asset: Asset
) -> None:
    china = Stack(app, "China", env=Environment(region="cn-north-1"))

    with pytest.raises(SettingsError, match="AWS China"):
        add(china, asset)
    add(china, asset, "Allowed", delivery="eventbridge", stage="prod")
