"""Standard Webhooks: signatures, and the secret with the signing keys."""

import base64
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from destinations.webhook_signature import (
    KEY_COMMAND,
    SecretUnusable,
    SigningKeys,
    parse_keys,
    sign,
)
from tests.bodies import CANARY
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.webhook_receiver import OTHER_SECRET, SECRET, SECRET_NAME

ROOT = Path(__file__).parents[3]
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


def key_of(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


MALFORMED = {
    "nothing": ("", "it is empty"),
    "space": (" \n", "it is empty"),
    "no prefix": (SECRET.removeprefix("whsec_"), "the key is malformed"),
    "no base64": (f"whsec_{CANARY}", "the key is malformed"),
    "a stray sign": (SECRET.replace("Q", "Q!"), "the key is malformed"),
    "base64 cut short": (SECRET[:-1], "the key is malformed"),
    "no ASCII": ("whsec_é", "the key is malformed"),
    "JSON": (f'{{"key": "{SECRET}"}}', "key 1 of 2 is malformed"),
    "another prefix": (SECRET.replace("whsec_", "whpk_"), "the key is malformed"),
    "a good and a bad one": (f"{SECRET} {CANARY}", "key 2 of 2 is malformed"),
    "no key": ("whsec_", "the key has 0 bytes"),
    "one byte": ("whsec_YQ==", "the key has 1 byte"),
    "23 bytes": (key_of(23), "the key has 23 bytes"),
    "65 bytes": (key_of(65), "the key has 65 bytes"),
    "a good, a short one": (f"{SECRET} whsec_YQ==", "key 2 of 2 has 1 byte"),
    "a short, a good one": (f"whsec_YQ==\n{SECRET}", "key 1 of 2 has 1 byte"),
}


@pytest.mark.parametrize(("secret", "problem"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_secret_is_refused_and_not_shown(secret: str, problem: str) -> None:
    keys = signing_keys(FakeSecrets(**{SECRET_NAME: secret}), Clock())
    with pytest.raises(SecretUnusable) as caught:
        keys.current(Clock().deadline(10))
    assert str(caught.value) == (
        f"secret '{SECRET_NAME}' cannot sign: {problem}; expected whsec_ followed directly by 24 "
        "to 64 bytes in base64, or several such keys separated by spaces; make a key with "
        "printf 'whsec_%s' \"$(openssl rand -base64 32)\""
    )
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("length", [24, 64])
def test_a_key_has_24_to_64_bytes(length: int) -> None:
    assert parse_keys(key_of(length)) == [bytes(range(length))]


def test_the_command_in_the_error_makes_a_key() -> None:
    if not shutil.which("openssl"):
        pytest.skip("needs the `openssl` command")
    secret = subprocess.run(["sh", "-c", KEY_COMMAND], check=True, capture_output=True, text=True)
    (key,) = parse_keys(secret.stdout)
    assert len(key) == 32
    assert KEY_COMMAND in (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def test_a_binary_secret_is_no_key() -> None:
    secrets = FakeSecrets()
    secrets.put(SECRET_NAME, SECRET.encode())
    with pytest.raises(SecretUnusable, match="cannot sign: it is empty"):
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


def test_refused_keys_are_read_again_soon_once_the_secret_has_changed(
    secrets: FakeSecrets, clock: Clock
) -> None:
    keys = signing_keys(secrets, clock)
    keys.current(Clock().deadline(10))
    clock.now += 10
    keys.read_again_soon()
    secrets.put(SECRET_NAME, OTHER_SECRET)
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]
    clock.now += 299
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]
    assert len(secrets.reads) == 2


def refuse_for(seconds: int, keys: SigningKeys, clock: Clock) -> None:
    """Let a receiver refuse a request every second."""
    for _ in range(seconds):
        keys.current(Clock().deadline(10))
        keys.read_again_soon()
        clock.now += 1


def test_a_receiver_that_refuses_for_ever_causes_a_read_every_five_minutes(
    secrets: FakeSecrets, clock: Clock
) -> None:
    keys = signing_keys(secrets, clock)
    refuse_for(310, keys, clock)
    assert len(secrets.reads) == 5  # after 0, 10, 30, 70 and 150 seconds
    refuse_for(3600, keys, clock)
    assert len(secrets.reads) == 5 + 3600 / 300


def test_after_a_change_or_without_refusals_keys_are_read_again_as_soon_as_before(
    secrets: FakeSecrets, clock: Clock
) -> None:
    keys = signing_keys(secrets, clock)
    refuse_for(1000, keys, clock)
    clock.now += 300
    keys.current(Clock().deadline(10))  # still because of the refusals
    clock.now += 300
    keys.current(Clock().deadline(10))
    reads = len(secrets.reads)
    refuse_for(11, keys, clock)
    assert len(secrets.reads) == reads + 1

    refuse_for(1000, keys, clock)
    secrets.put(SECRET_NAME, OTHER_SECRET)
    refuse_for(301, keys, clock)
    assert keys.current(Clock().deadline(10)) == [OTHER_KEY]
    reads = len(secrets.reads)
    refuse_for(310, keys, clock)
    assert len(secrets.reads) > reads + 1


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
        (lambda secrets: secrets.put(SECRET_NAME, "x"), "cannot sign: the key is malformed"),
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
