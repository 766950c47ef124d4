"""Each delivery's properties are parsed, or refused with a list of all invalid properties."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesys.integration_spec import AwsTarget, IntegrationSpec
from resources.integration import IntegrationResource
from resources.properties import InvalidProperties
from resources.subscription import SubscriptionResource

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
STRINGS = sorted(set(PROPERTIES) - {"ServiceToken", "EventTypes"})
SOURCE_PROPERTIES: dict[str, Any] = {
    "ServiceToken": "arn",
    "Name": "queue-ends-dev",
    "Notes": "n",
    "AccountId": "111122223333",
    "Region": "eu-west-1",
    "Suffix": "QueueEnds-dev",
    "Topics": ["v2.a", "v2.b"],
    "SecretName": "s",
    "LoginUrl": "https://login.mypurecloud.com",
    "ApiUrl": "https://api.mypurecloud.com",
}
SOURCE_STRINGS = sorted(set(SOURCE_PROPERTIES) - {"ServiceToken", "Topics"})


def test_properties_become_the_subscription_s_specification() -> None:
    resource = SubscriptionResource.parse(PROPERTIES)
    assert resource.secret_name == "s"
    assert resource.login_url == "https://login.mypurecloud.com"
    assert resource.physical_id == "api.mypurecloud.com/queue-ends-dev"
    assert resource.spec.body() == {
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


@pytest.mark.parametrize("key", STRINGS)
def test_a_subscription_property_that_is_no_string_is_named(key: str) -> None:
    invalid_values: list[object] = [None, "", 5, [], {"a": 1}]
    for value in invalid_values:
        with pytest.raises(InvalidProperties, match=f"missing or wrong: {key}[. ]"):
            SubscriptionResource.parse(PROPERTIES | {key: value})


@pytest.mark.parametrize("value", [None, "", "event:a", [], [5], ["event:a", None], {}])
def test_event_types_must_be_a_list_of_strings(value: object) -> None:
    with pytest.raises(InvalidProperties, match="missing or wrong: EventTypes"):
        SubscriptionResource.parse(PROPERTIES | {"EventTypes": value})


def test_all_invalid_properties_are_named_at_once() -> None:
    with pytest.raises(InvalidProperties) as caught:
        SubscriptionResource.parse({"ApiUrl": "http://api.mypurecloud.com"})
    for key in (*STRINGS, "EventTypes"):
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
def test_an_https_url_or_a_loopback_url_is_accepted(url: str) -> None:
    assert SubscriptionResource.parse(PROPERTIES | {"ApiUrl": url}).api_url == url.rstrip("/")


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
def test_another_url_is_refused_since_secrets_go_there(url: str) -> None:
    for key in ("LoginUrl", "ApiUrl"):
        with pytest.raises(InvalidProperties, match=f"{key} .*https") as caught:
            SubscriptionResource.parse(PROPERTIES | {key: url})
        assert "password" not in str(caught.value)


@given(
    changes=st.dictionaries(st.sampled_from(sorted(PROPERTIES)), st.text() | st.lists(st.text()))
)
@settings(max_examples=50)
def test_any_properties_are_parsed_or_refused(changes: dict[str, Any]) -> None:
    try:
        assert SubscriptionResource.parse(PROPERTIES | changes).name
    except InvalidProperties as error:
        assert "missing or wrong" in str(error)  # noqa: PT017


def test_properties_become_the_integration_s_specification() -> None:
    resource = IntegrationResource.parse(SOURCE_PROPERTIES)
    target = AwsTarget("111122223333", "eu-west-1", "QueueEnds-dev")
    assert resource.spec == IntegrationSpec("queue-ends-dev", "n", target, ("v2.a", "v2.b"))
    assert (
        resource.physical_id
        == "api.mypurecloud.com/queue-ends-dev/111122223333/eu-west-1/QueueEnds-dev"
    )


@pytest.mark.parametrize("key", SOURCE_STRINGS)
def test_an_integration_property_that_is_no_string_is_named(key: str) -> None:
    invalid_values: list[object] = [None, "", 5, [], {"a": 1}]
    for value in invalid_values:
        with pytest.raises(InvalidProperties, match=f"missing or wrong: {key}[. ]"):
            IntegrationResource.parse(SOURCE_PROPERTIES | {key: value})


@pytest.mark.parametrize("value", [None, "", "v2.a", [], [5], {}])
def test_topics_must_be_a_list_of_strings(value: object) -> None:
    with pytest.raises(InvalidProperties, match="missing or wrong: Topics"):
        IntegrationResource.parse(SOURCE_PROPERTIES | {"Topics": value})


@pytest.mark.parametrize(
    ("key", "value", "required_form"),
    [
        ("AccountId", "11112222333", "twelve digits"),
        ("AccountId", "1111-2222-3333", "twelve digits"),
        ("Suffix", "Queue Ends", "1 to 64 letters"),
        ("Suffix", "Queue/Ends", "1 to 64 letters"),
        ("Suffix", "x" * 65, "shorter stage name"),
        ("ApiUrl", "http://api.mypurecloud.com", "https"),
    ],
)
def test_a_value_that_genesys_would_refuse_is_refused_with_the_required_form(
    key: str, value: str, required_form: str
) -> None:
    with pytest.raises(InvalidProperties, match=f"{key} .*{required_form}"):
        IntegrationResource.parse(SOURCE_PROPERTIES | {key: value})
