"""The watchdog removes the differences that every delivery can have, and says what it did."""

import math
from collections.abc import Callable

import pytest

from local.genesys.login import CLIENT_SECRET
from local.genesys.problems import problem
from local.http.messages import Answer
from resources.resource import Resource
from tests.fakes.aws.cloudformation import NAME, PROPERTIES
from tests.unit.watchdog.conftest import SOURCE, Watchdog

WRITE_OPERATIONS = {"create", "annotate", "replace", "configure", "switch", "delete"}


def ours(watchdog: Watchdog) -> list[object]:
    """Return the visible states of the resources with our name."""
    delivery = watchdog.delivery
    return [delivery.visible_state(one) for one in delivery.entities.find_by_name(NAME)]


def as_deployed(watchdog: Watchdog) -> object:
    return watchdog.delivery.expected_state(PROPERTIES[watchdog.delivery.resource_type])


def the_only_one(watchdog: Watchdog) -> dict[str, object]:
    (entity,) = watchdog.delivery.entities.find_by_name(NAME)
    return entity


def delete(watchdog: Watchdog) -> None:
    del watchdog.delivery.entities[str(the_only_one(watchdog)["id"])]


def spoil(watchdog: Watchdog) -> None:
    watchdog.delivery.spoil(the_only_one(watchdog))


def duplicate_and_spoil(watchdog: Watchdog) -> None:
    entity = the_only_one(watchdog)
    watchdog.delivery.seed()
    watchdog.delivery.spoil(entity)


def rename(watchdog: Watchdog) -> None:
    the_only_one(watchdog)["name"] = "renamed"


def writes(watchdog: Watchdog) -> list[str]:
    return [one for one in watchdog.genesys.operations if one in WRITE_OPERATIONS]


@pytest.fixture(autouse=True)
def partner_source_stays_matched(healing_watchdog: Watchdog) -> None:
    """AWS matches a source with the bus of its name at once, whenever the source is created."""
    eventbridge = healing_watchdog.eventbridge

    def create(suffix: str) -> None:
        eventbridge.create_source(SOURCE)
        eventbridge.create_bus(SOURCE)

    healing_watchdog.genesys.integrations.on_source_created = create


def test_nothing_is_changed_where_nothing_differs(healing_watchdog: Watchdog) -> None:
    assert healing_watchdog.check() == []
    assert writes(healing_watchdog) == []
    assert healing_watchdog.stacks.call_count == 0


@pytest.mark.parametrize(
    "drift",
    [
        delete,
        spoil,
        rename,
        lambda watchdog: watchdog.delivery.seed(),
        duplicate_and_spoil,
    ],
    ids=["deleted", "spoiled", "renamed away", "duplicated", "duplicated and spoiled"],
)
def test_a_drifted_resource_is_as_deployed_after_one_run(
    healing_watchdog: Watchdog, drift: Callable[[Watchdog], object]
) -> None:
    drift(healing_watchdog)
    assert healing_watchdog.run() == []
    assert ours(healing_watchdog) == [as_deployed(healing_watchdog)]
    assert healing_watchdog.healthy == [0, 1]
    assert healing_watchdog.check() == []


def test_the_log_says_what_differed_and_exactly_what_was_done(healing_watchdog: Watchdog) -> None:
    path = healing_watchdog.delivery.entities.path
    delete(healing_watchdog)
    healing_watchdog.run()
    unhealthy, healed = healing_watchdog.logged
    assert (unhealthy["message"], unhealthy["level"]) == ("Unhealthy", "WARNING")
    assert (healed["message"], healed["level"]) == ("Healed", "WARNING")
    assert healed["differences"] == unhealthy["differences"]
    assert healed["changes"] == healing_watchdog.healed
    assert healed["changes"][0] == f"POST {path}"
    assert len(healed["changes"]) == len(writes(healing_watchdog))


def test_a_resource_that_lists_show_late_counts_as_healed(healing_watchdog: Watchdog) -> None:
    healing_watchdog.delivery.entities.visible_after = 6
    delete(healing_watchdog)
    assert healing_watchdog.run() == []
    assert len(ours(healing_watchdog)) == 1


def test_a_creation_without_an_answer_is_in_the_log_and_makes_one_resource(
    healing_watchdog: Watchdog,
) -> None:
    delete(healing_watchdog)
    healing_watchdog.genesys.instead("create", Answer(fate="lost"), carried_out=True)
    assert healing_watchdog.run() == []
    assert len(ours(healing_watchdog)) == 1
    path = healing_watchdog.delivery.entities.path
    assert healing_watchdog.healed[0] == f"POST {path} (not confirmed)"


def test_differences_that_somebody_removes_meanwhile_are_not_called_healed(
    healing_watchdog: Watchdog,
) -> None:
    removed = the_only_one(healing_watchdog)
    delete(healing_watchdog)

    def somebody_restores() -> None:
        healing_watchdog.delivery.entities[str(removed["id"])] = removed

    original = healing_watchdog.stacks.describe_stacks

    def describe_stacks(**parameters: str) -> dict[str, object]:
        somebody_restores()
        return original(**parameters)

    healing_watchdog.stacks.describe_stacks = describe_stacks  # type: ignore[method-assign]
    assert healing_watchdog.run() == []
    assert healing_watchdog.healed == []
    assert [line["message"] for line in healing_watchdog.logged] == ["Unhealthy", "Healthy"]
    assert healing_watchdog.healthy == [0, 1]


@pytest.mark.parametrize("drift", [delete, lambda _: None], ids=["ours is gone", "ours is there"])
def test_a_namesake_of_somebody_else_is_never_touched(
    healing_watchdog: Watchdog, drift: Callable[[Watchdog], object]
) -> None:
    drift(healing_watchdog)
    foreign_id = healing_watchdog.delivery.seed_foreign()
    before = healing_watchdog.delivery.visible_states()
    assert healing_watchdog.run()
    assert healing_watchdog.delivery.visible_states() == before
    assert writes(healing_watchdog) == []
    (line,) = healing_watchdog.lines("Could not heal")
    assert line["level"] == "WARNING"
    assert foreign_id in line["detail"]
    assert "was left as it is" in line["detail"]
    assert healing_watchdog.healthy == [0]


@pytest.mark.parametrize(
    "fail",
    [
        lambda it: it.secrets.put("queue-ends/genesys", None),
        lambda it: it.secrets.put("queue-ends/genesys", {"client_id": "x", "client_secret": "y"}),
        lambda it: it.genesys.always("list", problem(403, "no")),
        lambda it: it.genesys.always("list", problem(404, "no")),
    ],
    ids=["secret deleted", "login refused", "forbidden", "no such API"],
)
def test_a_lasting_error_is_reported_and_not_healed(
    healing_watchdog: Watchdog, fail: Callable[[Watchdog], object]
) -> None:
    fail(healing_watchdog)
    assert len(healing_watchdog.check()) == 1
    assert writes(healing_watchdog) == []
    assert healing_watchdog.stacks.call_count == 0


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "The OAuth client may not do this"), (400, "refused"), (500, "not now")],
)
def test_a_refused_change_is_reported_with_its_reason(
    healing_watchdog: Watchdog, status: int, words: str
) -> None:
    delete(healing_watchdog)
    healing_watchdog.genesys.always("create", problem(status, f"not now {CLIENT_SECRET}"))
    (difference,) = healing_watchdog.run()
    assert "There is no" in difference
    (line,) = healing_watchdog.lines("Could not heal")
    assert words in line["detail"]
    assert CLIENT_SECRET not in str(healing_watchdog.logged)
    assert healing_watchdog.healthy == [0]
    assert ours(healing_watchdog) == []


def test_genesys_cloud_that_goes_down_in_the_middle_is_reported_and_healed_by_the_next_run(
    healing_watchdog: Watchdog,
) -> None:
    genesys = healing_watchdog.genesys
    delete(healing_watchdog)

    def go_down() -> None:
        genesys.outage = problem(503, "down")

    genesys.before("create", go_down)
    differences = healing_watchdog.run()
    assert "There is no" in differences[0]
    assert healing_watchdog.lines("Could not heal")
    assert healing_watchdog.clock.now < 240
    genesys.outage = None
    assert healing_watchdog.run() == []
    assert len(ours(healing_watchdog)) == 1


def test_a_resource_that_does_not_become_active_is_removed_again(
    healing_watchdog: Watchdog,
) -> None:
    delete(healing_watchdog)
    healing_watchdog.delivery.set_activation(succeeds=False)
    assert healing_watchdog.run()
    (line,) = healing_watchdog.lines("Could not heal")
    assert "did not become active" in line["detail"]
    assert line["changes"][0].startswith("POST ")
    assert line["changes"][-1].startswith("DELETE ")
    assert ours(healing_watchdog) == []


def test_an_unforeseen_error_is_reported_without_its_message(
    healing_watchdog: Watchdog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError(CLIENT_SECRET)

    monkeypatch.setattr(type(healing_watchdog.deployment.resource), "heal", fail)
    monkeypatch.setattr(Resource, "heal", fail)
    delete(healing_watchdog)
    assert healing_watchdog.run()
    (line,) = healing_watchdog.lines("Could not heal")
    assert line["detail"] == "Unexpected KeyError."
    assert CLIENT_SECRET not in str(healing_watchdog.logged)


def test_changes_that_take_too_long_end_in_time_for_the_report(
    healing_watchdog: Watchdog,
) -> None:
    delete(healing_watchdog)
    healing_watchdog.delivery.delay_activation(math.inf)
    genesys, clock = healing_watchdog.genesys, healing_watchdog.clock
    genesys.before("create", lambda: clock.sleep(90))
    assert healing_watchdog.run()
    assert healing_watchdog.lines("Could not heal")
    assert clock.now < 240
    assert healing_watchdog.healthy == [0]
