"""Compares integrations and their partner event source with the specification."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from genesys.integration_spec import IntegrationSpec, describe_owner
from genesys.integrations import Integration
from genesys.partner_source import (
    ACCESS_DENIED,
    SourceStateUnknown,
    read_state_or_error_code,
    source_differences,
)
from resources.resource import Comparison, check_exactly_one

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


def compare_integrations(
    noun: str, spec: IntegrationSpec, namesakes: Collection[Integration]
) -> Comparison:
    """Compare all integrations with our name with the specification."""
    # An integration without a target may be ours, but it is a difference.
    ours = [namesake for namesake in namesakes if namesake.target == spec.target]
    differences = check_exactly_one(noun, spec.name, len(ours))
    for integration in ours:
        integration_id = integration.integration_id
        if not integration.is_active:
            differences.append(
                f"The integration {integration_id} is switched off, or is switched on but not "
                "active."
            )
        differences += [
            f"The integration {integration_id} differs: {difference}."
            for difference in spec.differences(integration.configuration)
        ]
    for namesake in namesakes:
        if namesake not in ours:
            differences.append(
                f"The integration {namesake.integration_id} has our name and "
                f"{describe_owner(namesake.target, namesake.notes)}."
            )
    ids = tuple(integration.integration_id for integration in ours)
    return Comparison(ids, tuple(differences))


def add_source_differences(
    comparison: Comparison, eventbridge: "EventBridgeClient", event_source_name: str
) -> Comparison:
    """Return the comparison, completed with the differences of the partner event source.

    Raises
    ------
    SourceStateUnknown
        The comparison has no difference, and AWS did not report the partner event source's state.
    """
    state_or_code = read_state_or_error_code(eventbridge, event_source_name)
    try:
        differences = source_differences(state_or_code, event_source_name)
    except SourceStateUnknown:
        # Report at least the differences found so far.
        if not comparison.differences:
            raise
        return comparison
    return replace(
        comparison,
        differences=(*comparison.differences, *differences),
        has_lasting_error=state_or_code == ACCESS_DENIED,
    )
