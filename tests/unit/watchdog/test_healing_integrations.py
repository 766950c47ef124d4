"""The watchdog makes an integration's lost partner event source anew, if AWS and Genesys let it."""

from collections.abc import Callable

import pytest

from genesys.integration_spec import make_notes
from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import NAME
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.deliveries import EventBridgeDelivery
from tests.unit.watchdog.conftest import SOURCE, Watchdog

WRITE_OPERATIONS = {"create", "annotate", "configure", "switch", "delete"}
LoseSource = Callable[[FakePartnerEventSources], object]


@pytest.fixture
def watchdog(
    *,
    http: HttpServer,
    genesys: GenesysCloud,
    clock: Clock,
    secrets: FakeSecrets,
    eventbridge: FakePartnerEventSources,
    capsys: pytest.CaptureFixture[str],
) -> Watchdog:
    """The watchdog of the delivery `eventbridge`, with `watchdog = "heal"`."""
    delivery = EventBridgeDelivery(genesys)
    return Watchdog(http.url, clock, secrets, eventbridge, capsys, delivery=delivery, heals=True)


def match_bus_after(watchdog: Watchdog, seconds: float) -> None:
    """Let AWS match a new source with the stack's event bus after some seconds."""
    eventbridge, clock = watchdog.eventbridge, watchdog.clock

    def create(_suffix: str) -> None:
        eventbridge.create_source(SOURCE)
        clock.schedule(clock.now + seconds, lambda: eventbridge.create_bus(SOURCE))

    watchdog.genesys.integrations.on_source_created = create


def writes(watchdog: Watchdog) -> list[str]:
    return [one for one in watchdog.genesys.operations if one in WRITE_OPERATIONS]


@pytest.mark.parametrize(
    "lose",
    [lambda it: it.delete_source(SOURCE), lambda it: it.sources.clear()],
    ids=["deleted", "missing"],
)
def test_a_lost_source_is_made_anew_with_a_new_integration(
    watchdog: Watchdog, lose: LoseSource
) -> None:
    match_bus_after(watchdog, 5)
    lose(watchdog.eventbridge)
    assert watchdog.run() == []
    (integration,) = watchdog.genesys.integrations.find_by_name(NAME)
    assert integration["id"] != "int-1"
    assert watchdog.eventbridge.describe_event_source(Name=SOURCE)["State"] == "ACTIVE"
    methods = [change.split()[0] for change in watchdog.healed]
    assert methods == ["PATCH", "DELETE", "POST", "PATCH", "PUT", "PATCH"]
    assert watchdog.healthy == [0, 1]
    assert watchdog.check() == []


def test_a_new_source_without_a_bus_is_reported_with_what_to_do(watchdog: Watchdog) -> None:
    watchdog.eventbridge.delete_source(SOURCE)
    (difference,) = watchdog.run()
    assert "has no event bus" in difference
    (line,) = watchdog.lines("Could not heal")
    assert "Destroy the stack and deploy it again" in line["detail"]
    assert watchdog.genesys.integrations.find_by_name(NAME), "the source may get its bus later"
    assert watchdog.clock.now < 240
    first_run = len(writes(watchdog))
    assert watchdog.run() == [difference]
    assert len(writes(watchdog)) == first_run, "the integration is not made anew again and again"


def test_a_source_whose_bus_is_gone_is_reported_and_the_integration_is_kept(
    watchdog: Watchdog,
) -> None:
    watchdog.eventbridge.delete_bus(SOURCE)
    (difference,) = watchdog.run()
    assert "has no event bus" in difference
    (line,) = watchdog.lines("Could not heal")
    assert "event bus is gone" in line["detail"]
    assert "Destroy the stack and deploy it again" in line["detail"]
    assert writes(watchdog) == []


def test_an_integration_that_is_off_is_switched_on_although_its_source_has_no_bus(
    watchdog: Watchdog,
) -> None:
    watchdog.eventbridge.delete_bus(SOURCE)
    integration = watchdog.genesys.integrations["int-1"]
    integration |= {"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}}
    (difference,) = watchdog.run()
    assert "has no event bus" in difference
    assert integration["reportedState"] == {"code": "ACTIVE"}
    (line,) = watchdog.lines("Could not heal")
    assert line["changes"] == ["PATCH /api/v2/integrations/int-1"]


def test_a_source_that_does_not_come_back_leaves_nothing_half_made(watchdog: Watchdog) -> None:
    watchdog.genesys.integrations.on_source_created = lambda _: None
    watchdog.eventbridge.delete_source(SOURCE)
    watchdog.run()
    (line,) = watchdog.lines("Could not heal")
    assert "deleted the partner event source" in line["detail"]
    assert watchdog.genesys.integrations.find_by_name(NAME) == []
    assert watchdog.clock.now < 240


def test_an_integration_whose_source_the_watchdog_may_not_see_is_left_as_it_is(
    watchdog: Watchdog,
) -> None:
    watchdog.genesys.integrations["int-1"]["intendedState"] = "DISABLED"
    watchdog.eventbridge.permanent_failure = "AccessDeniedException"
    assert len(watchdog.check()) == 2
    assert writes(watchdog) == []


def test_an_integration_of_somebody_else_is_not_removed_for_a_new_source(
    watchdog: Watchdog,
) -> None:
    watchdog.delivery.seed_foreign()
    watchdog.eventbridge.delete_source(SOURCE)
    assert watchdog.run()
    assert writes(watchdog) == []
    assert "was left as it is" in watchdog.lines("Could not heal")[0]["detail"]


def test_an_unfinished_integration_of_another_stack_is_reported_with_its_notes_and_left(
    watchdog: Watchdog,
) -> None:
    notes = make_notes("QueueEnds-two", "999988887777", "us-east-1")
    theirs = watchdog.genesys.integrations.seed(NAME, {})
    watchdog.genesys.integrations[theirs]["notes"] = notes
    (difference,) = watchdog.run()
    assert f'{theirs} has our name and feeds nobody yet, and has the notes "{notes}"' in difference
    assert writes(watchdog) == []
    (line,) = watchdog.lines("Could not heal")
    assert notes in line["detail"]
    assert "another stage" in line["detail"]


def test_a_watchdog_that_knows_the_notes_of_an_earlier_version_changes_nothing(
    watchdog: Watchdog,
) -> None:
    (integration,) = watchdog.genesys.integrations.find_by_name(NAME)
    integration["config"]["current"]["notes"] = make_notes("QueueEnds-dev", "1", "eu-west-1")
    assert watchdog.check() == []
    assert writes(watchdog) == []
