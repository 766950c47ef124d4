"""Standard Webhooks: signatures, and the secret with the signing keys."""

import base64
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from destinations.webhook_signature import (
    SecretUnusable,
    SigningKeys,
    parse_keys,
    sign,
)
from tests.bodies import CANARY
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import OTHER_SECRET, SECRET, SECRET_NAME

KEY = base64.b64decode(SECRET.removeprefix("whsec_"))
OTHER_KEY = base64.b64decode(OTHER_SECRET.removeprefix("whsec_"))


def test_the_standard_s_own_example_gets_its_published_signature() -> None:
    """The example is from the tests of the Standard Webhooks libraries."""
    signed = sign(
        parse_keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_several_keys_give_several_signatures_in_their_order() -> None:
    one, other = (sign([key], "i", 1, b"{}") for key in (KEY, OTHER_KEY))
    assert sign([KEY, OTHER_KEY], "i", 1, b"{}") == f"{one} {other}"


@pytest.mark.parametrize(
    ("secret", "keys"),
    [
        (SECRET, [KEY]),
        (f" {SECRET}\r\n", [KEY]),
        (f"{OTHER_SECRET} {SECRET}", [OTHER_KEY, KEY]),
        (f"{OTHER_SECRET}\n{SECRET}\n", [OTHER_KEY, KEY]),
    ],
)
def test_a_secret_holds_one_key_or_several(secret: str, keys: list[bytes]) -> None:
    assert parse_keys(secret) == keys


MALFORMED = {
    "nothing": "",
    "space": " \n",
    "no prefix": SECRET.removeprefix("whsec_"),
    "no key": "whsec_",
    "no base64": f"whsec_{CANARY}",
    "a stray sign": SECRET.replace("Q", "Q!"),
    "base64 cut short": SECRET[:-1],
    "no ASCII": "whsec_é",
    "JSON": f'{{"key": "{SECRET}"}}',
    "another prefix": SECRET.replace("whsec_", "whpk_"),
    "a good and a bad one": f"{SECRET} {CANARY}",
}


@pytest.mark.parametrize("secret", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_secret_is_refused_and_not_shown(secret: str) -> None:
    keys = signing_keys(FakeSecrets(**{SECRET_NAME: secret}), Clock())
    with pytest.raises(SecretUnusable) as caught:
        keys.current(Clock().deadline(10))
    assert str(caught.value) == (
        f"secret '{SECRET_NAME}' is no key: expected whsec_ followed directly by the key in "
        "base64, or several such keys separated by spaces"
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_binary_secret_is_no_key() -> None:
    secrets = FakeSecrets()
    secrets.put(SECRET_NAME, SECRET.encode())
    with pytest.raises(SecretUnusable, match="is no key"):
        signing_keys(secrets, Clock()).current(Clock().deadline(10))


def signing_keys(secrets: FakeSecrets, clock: Clock) -> SigningKeys:
    clock.now += 1_795_428_000
    return SigningKeys(secrets, SECRET_NAME, clock)  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secrets() -> FakeSecrets:
    return FakeSecrets(**{SECRET_NAME: SECRET})


def test_the_secret_is_read_again_after_five_minutes(secrets: FakeSecrets, clock: Clock) -> None:
    keys = signing_keys(secrets, clock)
    assert keys.current(Clock().deadline(10)) == [KEY]
    secrets.put(SECRET_NAME, OTHER_SECRET)
    clock.now += 299
    assert keys.current(Clock().deadline(10)) == [KEY]
    clock.now += 1
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]
    assert len(secrets.reads) == 2


def test_keys_in_doubt_are_read_again_soon_but_not_for_every_refused_signature(
    secrets: FakeSecrets, clock: Clock
) -> None:
    keys = signing_keys(secrets, clock)
    for _ in range(30):  # seconds, each with a rejected signature
        keys.current(Clock().deadline(10))
        keys.read_again_soon()
        clock.now += 1
    assert len(secrets.reads) == 3
    secrets.put(SECRET_NAME, OTHER_SECRET)
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]
    clock.now += 299
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]
    assert len(secrets.reads) == 4


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetSecretValue")


TRANSIENT = {
    "no answer": ConnectTimeoutError(endpoint_url="https://example.com"),
    "throttled": refusal("ThrottlingException"),
    "internal": refusal("InternalServiceError", 500),
    "unavailable": refusal("Whatever", 503),
}


@pytest.mark.parametrize("failure", TRANSIENT.values(), ids=TRANSIENT)
def test_cached_keys_outlast_a_secrets_manager_failure(
    secrets: FakeSecrets, clock: Clock, failure: Exception
) -> None:
    keys = signing_keys(secrets, clock)
    keys.current(Clock().deadline(10))
    secrets.failure = failure
    clock.now += 300
    assert keys.current(Clock().deadline(10)) == [KEY]
    assert keys.current(Clock().deadline(10)) == [KEY]
    assert len(secrets.reads) == 2
    secrets.failure = None
    secrets.put(SECRET_NAME, OTHER_SECRET)
    clock.now += 10
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]


@pytest.mark.parametrize("failure", TRANSIENT.values(), ids=TRANSIENT)
def test_without_cached_keys_a_secrets_manager_failure_is_reported(
    secrets: FakeSecrets, clock: Clock, failure: Exception
) -> None:
    secrets.failure = failure
    with pytest.raises(
        SecretUnusable, match=rf"secret '{SECRET_NAME}' cannot be read \(\w+\); exp"
    ):
        signing_keys(secrets, clock).current(Clock().deadline(10))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda secrets: secrets.held.clear(), "there is no secret 'webhook-key': create it with"),
        (lambda secrets: secrets.put(SECRET_NAME, None), r"cannot be read \(InvalidRequestExc"),
        (lambda secrets: setattr(secrets, "denied", 1), r"cannot be read \(AccessDeniedException"),
        (lambda secrets: setattr(secrets, "key_denied", True), "Set secret_kms_key_arn to the key"),
        (lambda secrets: secrets.put(SECRET_NAME, "x"), "is no key: expected whsec_"),
    ],
    ids=["deleted", "marked for deletion", "denied", "key denied", "malformed"],
)
def test_cached_keys_are_dropped_once_the_secret_is_deleted_or_malformed(
    secrets: FakeSecrets, clock: Clock, change: Callable[[FakeSecrets], object], words: str
) -> None:
    keys = signing_keys(secrets, clock)
    keys.current(Clock().deadline(10))
    change(secrets)
    clock.now += 300
    with pytest.raises(SecretUnusable, match=words):
        keys.current(Clock().deadline(10))
    secrets.key_denied = False
    secrets.put(SECRET_NAME, OTHER_SECRET)
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]


@pytest.mark.parametrize(("left", "limit"), [(900, 3), (2, 2)])
def test_reading_the_secret_may_take_three_seconds_or_the_time_left(
    secrets: FakeSecrets, time_limits: list[float], left: float, limit: float
) -> None:
    signing_keys(secrets, Clock()).current(Clock().deadline(left))
    assert time_limits == [limit]


def test_a_hanging_secrets_manager_is_interrupted_at_the_deadline() -> None:
    class Hanging:
        def get_secret_value(self, **_: Any) -> None:
            time.sleep(60)

    keys = SigningKeys(Hanging(), SECRET_NAME)  # type: ignore[arg-type]
    with pytest.raises(SecretUnusable, match="TimeoutError"):
        keys.current(Clock().deadline(0.05))
