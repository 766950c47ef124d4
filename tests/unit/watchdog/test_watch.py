"""The watchdog's findings that are the same for every delivery."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem
from tests.fakes.aws.cloudformation import NAME
from tests.unit.watchdog.conftest import Watchdog
from watchdog.watch import SECOND_LOOK, CouldNotLook

LOOKS = {"login", "list", "read", "organization", "configuration"}


def ours(watchdog: Watchdog) -> str:
    """Return the id of what was deployed."""
    return next(iter(watchdog.delivery.entities))


def spoil(watchdog: Watchdog) -> None:
    watchdog.delivery.spoil(watchdog.delivery.entities[ours(watchdog)])


def test_a_stack_as_it_was_deployed_is_healthy(watchdog: Watchdog) -> None:
    assert watchdog.look() == []
    assert watchdog.logged[0]["ids"] == [ours(watchdog)]
    assert watchdog.logged[0]["watched"] == NAME
    assert watchdog.clock.now == 0
    assert set(watchdog.genesys.operations) <= LOOKS


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda it: it.delivery.entities.pop(ours(it)), ["There is no {noun}", NAME, "of ours"]),
        (lambda it: it.delivery.entities.clear(), ["no ends arrive"]),
        (spoil, ["Of the {noun} {ours}"]),
        (
            lambda it: it.delivery.seed_foreign(),
            ["The {noun}", "has our name and", "{foreign}"],
        ),
        (lambda it: it.delivery.seed(), ["There are 2 {noun}s", "events come that often"]),
        (lambda it: it.genesys.always("list", problem(404, "no")), ["refuses", "404"]),
        (lambda it: it.genesys.always("list", problem(403, "no")), ["lacks a permission"]),
    ],
)
def test_a_difference_is_unhealthy(
    watchdog: Watchdog, change: Callable[[Watchdog], object], told: list[str]
) -> None:
    parts = {"noun": watchdog.delivery.noun, "foreign": watchdog.delivery.foreign}
    parts["ours"] = ours(watchdog)
    change(watchdog)
    said = " ".join(watchdog.look())
    assert all(words.format(**parts) in said for words in told), said
    assert set(watchdog.genesys.operations) <= LOOKS, "it only looks"
    assert watchdog.clock.now == SECOND_LOOK


def test_a_difference_put_right_before_the_second_look_is_healthy(watchdog: Watchdog) -> None:
    """A deploy may be under way."""
    entities = watchdog.delivery.entities
    held = entities.pop(ours(watchdog))
    watchdog.clock.schedule(SECOND_LOOK - 1, lambda: entities.update({held["id"]: held}))
    assert watchdog.look() == []
    assert watchdog.clock.now == SECOND_LOOK


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (None, ["marked for deletion"]),
        ({"client_id": "x", "client_secret": "other"}, ["refuses the login", "401"]),
        ("no JSON", ["is not JSON"]),
    ],
)
def test_a_login_or_secret_that_is_refused_is_unhealthy(
    watchdog: Watchdog, secret: Any, told: list[str]
) -> None:
    watchdog.secrets.put("queue-ends/genesys", secret)
    (said,) = watchdog.look()
    assert all(words in said for words in told), said


def _fails(status: int) -> Callable[[Watchdog], None]:
    return lambda watchdog: watchdog.genesys.always("list", problem(status, "not now"))


def _secret_fails(error: Exception) -> Callable[[Watchdog], None]:
    def fail(watchdog: Watchdog) -> None:
        watchdog.secrets.failure = error

    return fail


def _client_error(code: str, status: int) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": CLIENT_SECRET},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "GetSecretValue")


@pytest.mark.parametrize(
    "failure",
    [
        _fails(429),
        _fails(500),
        _fails(503),
        _secret_fails(EndpointConnectionError(endpoint_url="https://x.example")),
        _secret_fails(_client_error("InternalServiceError", 500)),
        _secret_fails(_client_error("ThrottlingException", 400)),
        _secret_fails(_client_error("ExpiredTokenException", 400)),
        _secret_fails(RuntimeError(CLIENT_SECRET)),
    ],
)
def test_a_failure_that_may_pass_is_no_finding_but_an_error_of_the_function(
    watchdog: Watchdog,
    failure: Callable[[Watchdog], None],
) -> None:
    failure(watchdog)
    with pytest.raises(CouldNotLook) as caught:
        watchdog.look()
    assert watchdog.healthy == []
    (line,) = watchdog.logged
    assert line["level"] == "WARNING"
    assert CLIENT_SECRET not in str(caught.value) + str(line)
    assert caught.value.__suppress_context__
    assert watchdog.clock.now < 120


def test_a_difference_that_there_is_no_time_to_see_twice_is_no_finding(watchdog: Watchdog) -> None:
    watchdog.delivery.entities.pop(ours(watchdog))
    watchdog.genesys.before("list", lambda: watchdog.clock.sleep(95))
    with pytest.raises(CouldNotLook, match="No time was left"):
        watchdog.look()
    assert watchdog.genesys.operations.count("list") == 1
    assert watchdog.healthy == []
