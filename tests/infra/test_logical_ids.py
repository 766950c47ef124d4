"""The logical ids on which a deployed stack's data and other stacks depend."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.infra.stacks import Stack

KEPT = Path(__file__).with_name("logical_ids.json")
STATEFUL_TYPES = {
    "AWS::DynamoDB::Table",
    "AWS::Events::Archive",
    "AWS::Events::EventBus",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}
"""The types whose resources hold data or are known elsewhere. Custom resources are added to them,
because each keeps something in Genesys Cloud."""
VARIANTS = ("stack", "lean", "eventbridge", "many_queues", "queue_legs", "tuned")
"""The fixtures of conftest.py."""


def test_a_deployed_stack_keeps_its_data_and_outputs_when_it_is_updated(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Under another logical id, CloudFormation makes an empty resource and deletes the old one."""
    found = {name: ids_of(request.getfixturevalue(name)) for name in VARIANTS}
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    (tmp_path / KEPT.name).write_text(text)

    assert found == json.loads(KEPT.read_text()), (
        "An update of a deployed stack would delete what is in the file and not in the template. "
        "Keep the construct's path, or give the resource its old id with override_logical_id(). "
        f"If the loss is intended, say so in docs/upgrading.md, and: cp {tmp_path / KEPT.name} "
        f"{KEPT}"
    )


def ids_of(stack: Stack) -> dict[str, Any]:
    types = {name: resource["Type"] for name, resource in stack.template["Resources"].items()}
    return {
        "outputs": sorted(stack.template["Outputs"]),
        "resources": {
            name: type_
            for name, type_ in types.items()
            if type_ in STATEFUL_TYPES or type_.startswith("Custom::")
        },
    }
