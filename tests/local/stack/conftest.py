"""The deployed stack: one emulator, Genesys Cloud, CRM and webhook for the whole session."""

from collections.abc import Callable, Iterator

import pytest

from infra.settings.checks import DESTINATIONS
from local.aws.project import Deployment
from local.genesys.problems import problem, too_many_requests
from local.traffic.subscription import Event, conversations
from tests.local.stack.world import World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where IAM and queue policies are enforced, so that nothing has a permission too few.

    The roles have a path and names, as the rules of a company's account may demand.
    """
    folder = tmp_path_factory.mktemp("project")
    names = {"role_path": "/queue-ends/", "role_prefix": "queue-ends-", "tags": "team=care"}
    with running_world(folder, enforce_iam=True, destinations=[*DESTINATIONS], **names) as world:
        world.genesys.subscriptions.seed("somebody-else")
        yield world


@pytest.fixture(scope="session")
def deployed(world: World) -> Deployment:
    """The stack of stage dev, deployed while Genesys Cloud was busy."""
    world.genesys.instead("create", *[too_many_requests(2)] * 2, problem(503, "Overloaded."))
    return world.project.deploy("dev", **world.settings())


@pytest.fixture
def some_events(request: pytest.FixtureRequest) -> Callable[[int], list[Event]]:
    """Return distinct ends in our queues, others for each test."""
    seed = sum(map(ord, request.node.name))

    def events(count: int) -> list[Event]:
        every = conversations(seed, 40 * count, own_share=1, other_type_share=0)
        return [event for event in every if event.kind == "answered"][:count]

    return events
