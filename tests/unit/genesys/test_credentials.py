"""The credentials in Secrets Manager; each kind of invalid secret has its own error."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from genesys.credentials import Credentials, load_credentials
from genesys.errors import CredentialsError
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock

GOOD = {"client_id": "the-id", "client_secret": "the-s3cret"}


def load(secrets: FakeSecrets, clock: Clock, seconds: float = 180) -> Credentials:
    return load_credentials(secrets, "org", clock.deadline(seconds))  # type: ignore[arg-type]


def test_a_good_secret_is_read_once(clock: Clock) -> None:
    secrets = FakeSecrets(org=GOOD)
    assert load(secrets, clock) == Credentials("the-id", "the-s3cret")
    assert secrets.reads == ["org"]
    assert not clock.pauses


def test_space_around_the_values_and_further_keys_do_no_harm(clock: Clock) -> None:
    secret = {"client_id": " the-id", "client_secret": "the-s3cret\r\n", "note": 5}
    assert load(FakeSecrets(org=secret), clock) == Credentials("the-id", "the-s3cret")


def test_the_secret_is_not_in_the_repr() -> None:
    assert "the-s3cret" not in repr(Credentials("the-id", "the-s3cret"))


def test_every_failure_has_its_own_message_that_names_the_secret(clock: Clock) -> None:
    def message_with(secrets: FakeSecrets) -> str:
        with pytest.raises(CredentialsError) as caught:
            load(secrets, clock)
        return str(caught.value)

    denied, locked, throttled, offline, unsigned = (FakeSecrets(org=GOOD) for _ in range(5))
    denied.denied = 1000
    locked.key_denied = True
    throttled.failure = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue")
    offline.failure = EndpointConnectionError(endpoint_url="https://secretsmanager")
    unsigned.failure = NoCredentialsError()
    messages = {
        "There is no secret 'org' in this account and region": message_with(FakeSecrets()),
        "is marked for deletion. Restore it": message_with(FakeSecrets(org=None)),
        "could not be read (AccessDeniedException). Check its resource policy": message_with(
            denied
        ),
        "may not use the KMS key of the secret 'org'. Set secret_kms_key_arn": message_with(locked),
        "could not be read (ThrottlingException)": message_with(throttled),
        "could not be asked for secret 'org' (EndpointConnectionError)": message_with(offline),
        "could not be asked for secret 'org' (NoCredentialsError)": message_with(unsigned),
        "is not JSON": message_with(FakeSecrets(org="client_id=x")),
        "is not a JSON object": message_with(FakeSecrets(org="[1, 2]")),
        "has no valid client_id;": message_with(FakeSecrets(org={"client_secret": "the-s3cret"})),
        "has no valid client_secret;": message_with(FakeSecrets(org={"client_id": "the-id"})),
        "has no valid client_id and client_secret;": message_with(FakeSecrets(org={})),
    }
    for expected, message in messages.items():
        assert expected in message
        assert "'org'" in message
        assert "the-s3cret" not in message
    assert len(set(messages.values())) == len(messages)


@pytest.mark.parametrize("value", [None, 5, True, [], {}, "", "  ", "a\nb", "a\tb", "a\ud800"])
@pytest.mark.parametrize("key", ["client_id", "client_secret"])
def test_a_value_that_is_no_string_is_an_error_that_names_its_key(
    clock: Clock, key: str, value: object
) -> None:
    with pytest.raises(CredentialsError, match=f"'org' has no valid {key};"):
        load(FakeSecrets(org=GOOD | {key: value}), clock)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("text", ["", "{", "[" * 60_000, '"the-s3cret', "9" * 5000, "\ufeff{}"])
def test_a_secret_that_is_not_json_is_not_quoted(clock: Clock, text: str) -> None:
    with pytest.raises(CredentialsError, match="is not JSON") as caught:
        load(FakeSecrets(org=text), clock)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_secret_of_bytes_is_not_json(clock: Clock) -> None:
    secrets = FakeSecrets()
    secrets.put("org", b'{"client_id": "a", "client_secret": "b"}')
    with pytest.raises(CredentialsError, match="is not JSON"):
        load(secrets, clock)


@given(text=st.text(min_size=20, max_size=60))
def test_any_string_without_credentials_is_an_error_that_does_not_quote_it(text: str) -> None:
    with pytest.raises(CredentialsError) as caught:
        load(FakeSecrets(org=text), Clock())
    assert text not in str(caught.value)


def test_a_denied_read_is_retried_for_a_new_role(clock: Clock) -> None:
    secrets = FakeSecrets(org=GOOD)
    secrets.denied = 3
    assert load(secrets, clock) == Credentials("the-id", "the-s3cret")
    assert len(secrets.reads) == 4
    assert 0 < clock.now < 10


def test_a_read_that_remains_denied_fails_after_20_seconds(clock: Clock) -> None:
    secrets = FakeSecrets(org=GOOD)
    secrets.denied = 1000
    with pytest.raises(CredentialsError, match="AccessDeniedException"):
        load(secrets, clock)
    assert 15 < clock.now <= 20


@pytest.mark.parametrize(("seconds", "most"), [(5, 5), (0, 0), (-3, 0)])
def test_a_denied_read_is_not_retried_past_the_deadline(
    clock: Clock, seconds: float, most: float
) -> None:
    secrets = FakeSecrets(org=GOOD)
    secrets.denied = 1000
    with pytest.raises(CredentialsError):
        load(secrets, clock, seconds)
    assert clock.now <= most


@pytest.mark.parametrize("secrets_by_name", [{}, {"org": None}])
def test_a_secret_that_is_missing_or_deleted_is_read_once(
    clock: Clock, secrets_by_name: dict[str, None]
) -> None:
    secrets = FakeSecrets(**secrets_by_name)
    with pytest.raises(CredentialsError):
        load(secrets, clock)
    assert len(secrets.reads) == 1
