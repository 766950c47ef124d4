"""The differences and failures that every delivery can have."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.genesys.login import CLIENT_ID, CLIENT_SECRET
from local.genesys.problems import problem
from local.http.messages import Answer
from tests.fakes.aws.cloudformation import NAME
from tests.unit.watchdog.conftest import Watchdog
from watchdog.watch import COMPARISON_PAUSE_SECONDS, ComparisonFailed

READ_OPERATIONS = {"login", "list", "read", "organization", "configuration"}


def our_id(watchdog: Watchdog) -> str:
    """Return the id of the deployed resource."""
    return next(iter(watchdog.delivery.entities))


def spoil(watchdog: Watchdog) -> None:
    watchdog.delivery.spoil(watchdog.delivery.entities[our_id(watchdog)])


def test_an_unchanged_stack_is_healthy(watchdog: Watchdog) -> None:
    assert watchdog.check() == []
    assert watchdog.logged[0]["ids"] == [our_id(watchdog)]
    assert watchdog.logged[0]["watched"] == NAME
    assert watchdog.clock.now == 0
    assert set(watchdog.genesys.operations) <= READ_OPERATIONS


def test_a_secret_that_was_rotated_between_two_runs_is_used(watchdog: Watchdog) -> None:
    assert watchdog.check() == []
    watchdog.genesys.client_secret = "the-new-one"
    credentials = {"client_id": CLIENT_ID, "client_secret": "the-new-one"}
    watchdog.secrets.put("queue-ends/genesys", credentials)
    assert watchdog.check() == []


@pytest.mark.parametrize(
    ("change", "expected_words"),
    [
        (lambda it: it.delivery.entities.pop(our_id(it)), ["There is no {noun}", NAME, "of ours"]),
        (lambda it: it.delivery.entities.clear(), ["no ends arrive"]),
        (spoil, ["The {noun} {ours} differs: "]),
        (
            lambda it: it.delivery.seed_foreign(),
            ["The {noun}", "has our name and", "{foreign}"],
        ),
        (lambda it: it.delivery.seed(), ["There are 2 {noun}s", "each event arrives 2 times"]),
        (lambda it: it.genesys.always("list", problem(404, "no")), ["refuses", "404"]),
        (lambda it: it.genesys.always("list", problem(403, "no")), ["lacks a permission"]),
    ],
)
def test_a_difference_is_unhealthy(
    watchdog: Watchdog, change: Callable[[Watchdog], object], expected_words: list[str]
) -> None:
    parts = {"noun": watchdog.delivery.noun, "foreign": watchdog.delivery.foreign_destination}
    parts["ours"] = our_id(watchdog)
    change(watchdog)
    differences = " ".join(watchdog.check())
    assert all(words.format(**parts) in differences for words in expected_words), differences
    assert set(watchdog.genesys.operations) <= READ_OPERATIONS, "the watchdog only reads"
    assert watchdog.clock.now == COMPARISON_PAUSE_SECONDS


def test_a_difference_that_ends_before_the_second_comparison_is_healthy(watchdog: Watchdog) -> None:
    """A deploy may be under way."""
    entities = watchdog.delivery.entities
    removed = entities.pop(our_id(watchdog))
    watchdog.clock.schedule(
        COMPARISON_PAUSE_SECONDS - 1, lambda: entities.update({removed["id"]: removed})
    )
    assert watchdog.check() == []
    assert watchdog.clock.now == COMPARISON_PAUSE_SECONDS


@pytest.mark.parametrize(
    ("secret", "expected_words"),
    [
        (None, ["marked for deletion"]),
        ({"client_id": "x", "client_secret": "other"}, ["refuses the login", "401"]),
        ("no JSON", ["is not JSON"]),
    ],
)
def test_a_login_or_secret_that_is_refused_is_unhealthy(
    watchdog: Watchdog, secret: Any, expected_words: list[str]
) -> None:
    watchdog.secrets.put("queue-ends/genesys", secret)
    (difference,) = watchdog.check()
    assert all(words in difference for words in expected_words), difference


def _fail_list(status: int) -> Callable[[Watchdog], None]:
    return lambda watchdog: watchdog.genesys.always("list", problem(status, "not now"))


def _fail_secret(error: Exception) -> Callable[[Watchdog], None]:
    def fail(watchdog: Watchdog) -> None:
        watchdog.secrets.failure = error

    return fail


def _client_error(code: str, status: int) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": CLIENT_SECRET},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "GetSecretValue")


@pytest.mark.parametrize(
    "failure",
    [
        _fail_list(429),
        _fail_list(500),
        _fail_list(503),
        _fail_secret(EndpointConnectionError(endpoint_url="https://x.example")),
        _fail_secret(_client_error("InternalServiceError", 500)),
        _fail_secret(_client_error("ThrottlingException", 400)),
        _fail_secret(_client_error("ExpiredTokenException", 400)),
        _fail_secret(RuntimeError(CLIENT_SECRET)),
    ],
)
def test_a_transient_failure_is_an_error_of_the_function_and_no_finding(
    watchdog: Watchdog,
    failure: Callable[[Watchdog], None],
) -> None:
    failure(watchdog)
    with pytest.raises(ComparisonFailed) as caught:
        watchdog.check()
    assert watchdog.healthy == []
    (line,) = watchdog.logged
    assert line["level"] == "WARNING"
    assert CLIENT_SECRET not in str(caught.value) + str(line)
    assert caught.value.__suppress_context__
    assert watchdog.clock.now < 240


@pytest.mark.parametrize(
    ("operation", "answer", "expected"),
    [
        ("list", Answer(200, b"[" * 100_000), "is not JSON"),
        ("list", Answer(200, {"entities": 5}), "expected array, got int"),
        ("list", Answer(200, b"[" + b"5," * 700_000 + b"5]"), "more than 699,050 values"),
        ("login", Answer(200, {"access_token": "t" * 100_000}), "has no token"),
    ],
    ids=["nested", "form", "values", "token"],
)
def test_a_hostile_answer_is_a_clear_error_of_the_function(
    watchdog: Watchdog, operation: str, answer: Answer, expected: str
) -> None:
    watchdog.genesys.always(operation, answer)
    with pytest.raises(ComparisonFailed, match=expected):
        watchdog.check()
    (line,) = watchdog.logged
    assert expected in line["detail"]


@pytest.mark.parametrize("value", [5, None, "../../users/me?x=", "x\u202e\x9b" * 5000])
def test_a_foreign_resource_with_any_id_is_a_difference_of_one_printable_line(
    watchdog: Watchdog, value: object
) -> None:
    foreign_id = watchdog.delivery.seed_foreign()
    watchdog.delivery.entities[foreign_id]["id"] = value
    differences = watchdog.check()
    assert any("has our name and" in one for one in differences)
    assert all(one.isprintable() and len(one) <= 300 for one in differences)


def test_a_difference_without_time_for_a_second_comparison_is_no_finding(
    watchdog: Watchdog,
) -> None:
    watchdog.delivery.entities.pop(our_id(watchdog))
    watchdog.genesys.before("list", lambda: watchdog.clock.sleep(95))
    with pytest.raises(ComparisonFailed, match="No time was left"):
        watchdog.check()
    assert watchdog.genesys.operations.count("list") == 1
    assert watchdog.healthy == []
