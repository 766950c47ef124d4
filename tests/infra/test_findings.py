"""cdk-nag and cfn-lint report no findings except the accepted ones."""

import json

import pytest
from aws_cdk import App
from aws_cdk import Stack as CdkStack
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks, NagPack, ServerlessChecks
from cfnlint.api import ManualArgs, lint
from constructs import IConstruct

from tests.infra.stacks import Stack

# Defaults; every destination, protected and traced; each end rule; an archive without a watchdog;
# a private network, keys and a permission boundary with each delivery.
STACKS = (
    *("stack", "tuned", "eventbridge", "many_queues", "queue_legs", "lean"),
    *("company", "company_eventbridge"),
)
# The CDK writes each dependency into the template, even if a reference already implies it.
ACCEPTED = ["W3005"]


@pytest.fixture(scope="module")
def packs() -> list[NagPack]:
    return [AwsSolutionsChecks(), ServerlessChecks()]


@pytest.fixture
def synthesised(request: pytest.FixtureRequest) -> Stack:
    found: Stack = request.getfixturevalue(request.param)
    return found


def findings_of(packs: list[NagPack], construct: IConstruct) -> dict[str, list[str]]:
    """Return the paths of the resources that violate a rule, keyed by rule."""
    return {
        violation.rule_name: [str(it.construct_path) for it in violation.violating_resources]
        for pack in packs
        for violation in pack.validate_scope(construct).violations
    }


def lints_of(template: object) -> list[str]:
    arguments = ManualArgs(regions=["us-east-1"], ignore_checks=ACCEPTED)
    return [str(match) for match in lint(json.dumps(template), config=arguments)]


@pytest.mark.parametrize("synthesised", STACKS, indirect=True)
def test_cdk_nag_finds_nothing_that_is_not_accepted(
    synthesised: Stack, packs: list[NagPack]
) -> None:
    assert findings_of(packs, synthesised.construct) == {}


@pytest.mark.parametrize("synthesised", STACKS, indirect=True)
def test_cfn_lint_finds_nothing(synthesised: Stack) -> None:
    assert lints_of(synthesised.template) == []


def test_a_fault_is_found_by_both(packs: list[NagPack], stack: Stack) -> None:
    faulty = CdkStack(App(), "Faulty")
    sqs.Queue(faulty, "Queue", enforce_ssl=False)
    assert findings_of(packs, faulty) == {
        "AwsSolutions-SQS3": ["Faulty/Queue/Resource"],
        "AwsSolutions-SQS4": ["Faulty/Queue/Resource"],
        "Serverless-SQSRedrivePolicy": ["Faulty/Queue/Resource"],
    }
    template = json.loads(json.dumps(stack.template))
    template["Resources"][stack.ids["Worker/Function"]]["Properties"]["TimeOut"] = 30
    (lint_of_it,) = lints_of(template)
    assert "'TimeOut' was unexpected" in lint_of_it


@pytest.mark.parametrize("synthesised", STACKS, indirect=True)
def test_the_template_says_nothing_of_what_is_accepted(synthesised: Stack) -> None:
    text = json.dumps(synthesised.template)
    assert "cdk_nag" not in text
    assert "AwsSolutions-" not in text
    assert "acknowledged-rules" not in text
