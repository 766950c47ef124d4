"""CloudFormation's requests are parsed or refused."""

from typing import Any

import pytest

from provisioner.request import Request, RequestError
from resources.properties import InvalidProperties
from tests.fakes.aws.cloudformation import EVENT_SOURCE, PROPERTIES, SUBSCRIPTION

URL = "https://api.mypurecloud.com"
REQUESTED_PROPERTIES = PROPERTIES[SUBSCRIPTION] | {"LoginUrl": URL, "ApiUrl": URL}
EVENT = {
    "RequestType": "Update",
    "ResourceType": SUBSCRIPTION,
    "PhysicalResourceId": "api.mypurecloud.ie/queue-ends-dev",
    "ResourceProperties": REQUESTED_PROPERTIES,
}


@pytest.mark.parametrize("old_properties", [{"QueueArn": "old"}, {}, None])
def test_an_update_has_the_old_properties_and_the_old_org(
    old_properties: dict[str, Any] | None,
) -> None:
    request = Request.parse(EVENT | {"OldResourceProperties": old_properties})
    assert request.old_properties == (old_properties or {})
    assert request.old_api_host == "api.mypurecloud.ie"


@pytest.mark.parametrize("kind", ["Create", "Delete"])
def test_a_create_or_delete_has_no_old_properties(kind: str) -> None:
    changes = {"RequestType": kind, "OldResourceProperties": {"QueueArn": "old"}}
    assert Request.parse(EVENT | changes).old_properties is None


@pytest.mark.parametrize("kind", [None, "", "create", "Destroy", 5, [], {}])
def test_another_kind_of_request_is_refused(kind: object) -> None:
    with pytest.raises(RequestError, match="is not Create, Update or Delete"):
        Request.parse({"RequestType": kind, "ResourceProperties": REQUESTED_PROPERTIES})


@pytest.mark.parametrize("resource_type", [None, "", "Custom::Other", [], EVENT_SOURCE + "s"])
def test_another_type_of_resource_is_refused(resource_type: object) -> None:
    with pytest.raises(InvalidProperties, match="is none of Custom::GenesysSubscription"):
        Request.parse(EVENT | {"ResourceType": resource_type})
