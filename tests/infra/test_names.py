"""Names that the template and the functions must agree on, where each has its own literal."""

import ast
import re
from collections.abc import Iterator

import pytest

from destinations.bus import SOURCE
from environment import read_variables
from infra.delivery.sources import SOURCES
from infra.settings.settings import KEYS
from ops.stack.resources import StackResources
from tests.infra.stacks import PROJECT, Stack
from worker.variables import WorkerVariables

FUNCTIONS = PROJECT / "functions"
# Read by Powertools itself.
POWERTOOLS_VARIABLES = {"POWERTOOLS_LOG_LEVEL"}


@pytest.fixture(scope="module")
def literals() -> set[str]:
    """Return the string literals and field names in functions/, without docstrings."""
    return {text for file in FUNCTIONS.rglob("*.py") for text in literals_in(file.read_text())}


def literals_in(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    docstrings = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(str(text)) if id(node) not in docstrings:
                yield text
            case ast.AnnAssign(ast.Name(field)):
                # Environment variables are fields, too, in lower case.
                yield field.upper()


@pytest.mark.parametrize("fixture", ["tuned", "many_queues", "company"])
def test_the_functions_know_every_custom_resource_its_attributes_and_their_variables(
    request: pytest.FixtureRequest, fixture: str, literals: set[str]
) -> None:
    synthesised: Stack = request.getfixturevalue(fixture)
    resources = synthesised.template["Resources"]
    ours = {name: r for name, r in resources.items() if r["Type"].startswith("Custom::")}
    types = {resource["Type"] for resource in ours.values()}
    properties = {key for resource in ours.values() for key in resource["Properties"]}
    read = re.findall(r"'Fn::GetAtt': \['(\w+)', '(\w+)'\]", str(synthesised.template))
    attributes = {attribute for name, attribute in read if name in ours}
    variables = {
        name
        for function in synthesised.of_type("AWS::Lambda::Function")
        for name in function["Properties"]["Environment"]["Variables"]
    }
    assert attributes >= {"SubscriptionId"} or attributes >= {"IntegrationId", "EventSourceName"}
    known = literals | POWERTOOLS_VARIABLES | {"ServiceToken", "ServiceTimeout"}
    assert types | properties | attributes | variables <= known


def test_each_handler_is_a_function_of_the_asset(stack: Stack, eventbridge: Stack) -> None:
    for synthesised in (stack, eventbridge):
        for function in synthesised.of_type("AWS::Lambda::Function"):
            module, _, name = function["Properties"]["Handler"].rpartition(".")
            source = (FUNCTIONS / f"{module.replace('.', '/')}.py").read_text()
            assert name in {
                n.name for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)
            }


@pytest.mark.parametrize("fixture", ["stack", "lean", "tuned", "eventbridge", "many_queues"])
def test_the_worker_has_every_variable_that_it_needs(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    synthesised: Stack = request.getfixturevalue(fixture)
    variables = {
        name: value if isinstance(value, str) else "known when it is deployed"
        for name, value in synthesised.environment("Worker").items()
    }
    assert read_variables(WorkerVariables, variables).stage == synthesised.settings.stage


def test_exactly_the_deliveries_that_can_be_set_have_a_source() -> None:
    assert {*SOURCES} == {*str(KEYS["delivery"].check).split(", ")}


def test_the_worker_may_put_only_its_own_events_on_the_bus(stack: Stack) -> None:
    (puts,) = (s for s in stack.role_statements("Worker") if s["Sid"] == "PutEndsOnBus")
    assert puts["Condition"] == {"StringEquals": {"events:source": SOURCE}}


@pytest.mark.parametrize("fixture", ["stack", "eventbridge"])
def test_the_command_line_finds_the_parts_of_the_stack_by_their_logical_ids(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    stack: Stack = request.getfixturevalue(fixture)
    template = stack.template["Resources"]
    resources = StackResources([(each["Type"], id_, id_) for id_, each in template.items()])

    assert resources.watchdog_name == stack.ids["Watchdog/Function"]
    assert resources.mapping_id == stack.ids["Worker/Mapping"]
    undelivered_queue = stack.ids.get("EventSource/DeadLetterQueue")
    assert resources.undelivered_queue_url == undelivered_queue
    assert (undelivered_queue is not None) == (fixture == "eventbridge")
    alarms = {id_ for id_, each in template.items() if each["Type"].endswith("Alarm")}
    assert {*resources.alarm_names} == alarms
    for resource_type, prefix in (
        ("AWS::Lambda::Function", "Watchdog"),
        ("AWS::Lambda::EventSourceMapping", ""),
    ):
        assert len(resources.ids(resource_type, prefix)) == 1
