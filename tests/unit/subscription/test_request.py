"""What CloudFormation asks: read whole, or refused with all that is wrong."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscription.request import Properties, Request, RequestError

PROPERTIES: dict[str, Any] = {
    "ServiceToken": "arn",
    "Name": "queue-ends-dev",
    "Description": "d",
    "EventTypes": ["event:conversation:end"],
    "AttributeFilter": "true",
    "QueueArn": "arn:aws:sqs:eu-west-1:1:q",
    "Region": "eu-west-1",
    "SecretName": "s",
    "LoginUrl": "https://login.mypurecloud.com",
    "ApiUrl": "https://api.mypurecloud.com",
}
TEXTS = sorted(set(PROPERTIES) - {"ServiceToken", "EventTypes"})


def test_properties_become_the_subscription_that_is_wanted() -> None:
    properties = Properties.parse(PROPERTIES)
    assert properties.secret_name == "s"
    assert properties.login_url == "https://login.mypurecloud.com"
    assert properties.physical_id == "api.mypurecloud.com/queue-ends-dev"
    assert properties.wanted.body() == {
        "name": "queue-ends-dev",
        "description": "d",
        "eventTypes": ["event:conversation:end"],
        "attributeFilter": "true",
        "destination": {
            "type": "aws_sqs",
            "awsSqs": {"arn": "arn:aws:sqs:eu-west-1:1:q", "region": "eu-west-1"},
        },
        "status": "active",
    }


@pytest.mark.parametrize("key", TEXTS)
def test_a_property_that_is_no_text_is_named(key: str) -> None:
    wrongs: list[object] = [None, "", 5, [], {"a": 1}]
    for wrong in wrongs:
        with pytest.raises(RequestError, match=f"missing or wrong: {key}[. ]"):
            Properties.parse(PROPERTIES | {key: wrong})


@pytest.mark.parametrize("wrong", [None, "", "event:a", [], [5], ["event:a", None], {}])
def test_event_types_must_be_a_list_of_texts(wrong: object) -> None:
    with pytest.raises(RequestError, match="missing or wrong: EventTypes"):
        Properties.parse(PROPERTIES | {"EventTypes": wrong})


def test_all_that_is_wrong_is_named_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        Properties.parse({"ApiUrl": "http://api.mypurecloud.com"})
    for key in (*TEXTS, "EventTypes"):
        assert key in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.mypurecloud.com",
        "https://api.mypurecloud.com/",
        "https://proxy.example:8443/genesys",
        "https://127.0.0.1",
        "http://localhost:8080",
        "http://LOCALHOST",
        "http://127.0.0.1:1234",
        "http://127.9.9.9",
        "http://[::1]:8080",
    ],
)
def test_https_is_safe_and_so_is_this_machine(url: str) -> None:
    assert Properties.parse(PROPERTIES | {"ApiUrl": url}).api_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.mypurecloud.com",
        "http://127.evil.com",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://localhostevil.com",
        "http://localhost@evil.com",
        "http://localhost:80@evil.com",
        "http://127.0.0.1@evil.com/",
        "http://[::1]@evil.com",
        "http://[::1]evil.com",
        "http://[::1].evil.com",
        "http://127.0.0.1\\@evil.com",
        "http://evil.com#@localhost",
        "http://evil.com\\@localhost",
        "http://evil.com?@localhost",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://0.0.0.0",
        "http://[::]",
        "http://[fe80::1]",
        "http://2130706433",
        "http://0x7f.0.0.1",
        "http://0177.0.0.1",
        "http://127.1",
        "http://localhost.",
        "http://",
        "http:///localhost",
        "http:localhost",
        "http://[::1",
        "http://localhost:99999",
        "http://localhost:port",
        "HTTP://evil.com",
        "ftp://localhost",
        "file:///etc/passwd",
        "//localhost",
        "localhost",
        "https://",
        "https:///path",
        "https://user:password@api.mypurecloud.com",
        "https://api.mypurecloud.com@evil.com",
        "https://api.mypurecloud.com?x=1",
        "https://api.mypurecloud.com#x",
        "https://api.mypurecloud.com\\.evil.com",
        "https://api .mypurecloud.com",
        "https://api.mypure\ncloud.com",
        "\x00https://api.mypurecloud.com",
    ],
)
def test_secrets_go_nowhere_else(url: str) -> None:
    for key in ("LoginUrl", "ApiUrl"):
        with pytest.raises(RequestError, match=f"{key} .*https") as caught:
            Properties.parse(PROPERTIES | {key: url})
        assert "password" not in str(caught.value)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(PROPERTIES)), st.text() | st.lists(st.text()))
)
@settings(max_examples=50)
def test_properties_of_any_kind_are_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        assert Properties.parse(PROPERTIES | changes).wanted.name
    except RequestError as error:
        assert "missing or wrong" in str(error)  # noqa: PT017


def test_a_request_knows_the_queue_and_the_org_it_comes_from() -> None:
    request = Request.parse(
        {
            "RequestType": "Update",
            "PhysicalResourceId": "api.mypurecloud.ie/queue-ends-dev",
            "ResourceProperties": PROPERTIES,
            "OldResourceProperties": PROPERTIES | {"QueueArn": "old"},
        }
    )
    assert request.former_queue_arn == "old"
    assert request.former_api_host == "api.mypurecloud.ie"


@pytest.mark.parametrize("kind", [None, "", "create", "Destroy", 5, [], {}])
def test_another_kind_of_request_is_refused(kind: object) -> None:
    with pytest.raises(RequestError, match="is not Create, Update or Delete"):
        Request.parse({"RequestType": kind, "ResourceProperties": PROPERTIES})
