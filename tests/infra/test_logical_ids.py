"""The logical ids on which a deployed stack's data and other stacks depend."""

import json
from pathlib import Path
from typing import Any

from infra.losses.losses import STATEFUL_TYPES, loss_of
from tests.infra.stacks import Stack

KEPT = Path(__file__).with_name("logical_ids.json")


def test_a_deployed_stack_keeps_its_data_and_outputs_when_it_is_updated(
    variants: dict[str, Stack], tmp_path: Path
) -> None:
    """Under another logical id, CloudFormation makes an empty resource and deletes the old one."""
    found = {name: ids_of(stack) for name, stack in variants.items()}
    text = json.dumps(found, indent=2, sort_keys=True) + "\n"
    (tmp_path / KEPT.name).write_text(text)

    assert found == json.loads(KEPT.read_text()), (
        "An update of a deployed stack would delete what is in the file and not in the template. "
        "Keep the construct's path, or give the resource its old id with override_logical_id(). "
        f"If the loss is intended, say so in docs/upgrading.md, and: cp {tmp_path / KEPT.name} "
        f"{KEPT}"
    )


def test_each_resource_with_data_has_words_of_its_own(variants: dict[str, Stack]) -> None:
    """Without them, the warning of a loss would speak of any queue or bus."""
    several = {"AWS::SQS::Queue": 3, "AWS::Events::EventBus": 2}
    for resource_type, kinds in several.items():
        paths = {
            path
            for stack in variants.values()
            for path, logical_id in stack.ids.items()
            if stack.template["Resources"][logical_id]["Type"] == resource_type
        }
        words = {loss.what for path in paths if (loss := loss_of(resource_type, path))}
        assert len(words - {"a queue"}) == len(paths) == kinds


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
