"""The stand-in's Routing API: the list of the org's queues.

Source: Genesys Cloud's API reference and official SDK.
"""

import copy
import fnmatch
from collections.abc import Callable, Collection

from local.genesys.entities import Entities, Entity
from local.http.messages import Answer, Request
from local.traffic.subscription import FOREIGN_QUEUES, OUR_QUEUES, QUEUE_NAMES

QUEUES = "/api/v2/routing/queues"
PERMISSIONS = {"GET": "routing:queue:view"}


class Queues(Entities):
    """The queues of an org, keyed by id; first those that the made-up conversations pass through.

    Attributes
    ----------
    permissions
        The permissions of the client's role: some or all of those in `PERMISSIONS`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(QUEUES, "queue", PERMISSIONS, clock)
        self.permissions: Collection[str] = frozenset(PERMISSIONS.values())
        for queue_id, name in zip([*OUR_QUEUES, *FOREIGN_QUEUES], QUEUE_NAMES, strict=True):
            self.seed(queue_id, name)

    def seed(self, queue_id: str, name: str) -> None:
        """Add a queue, or rename it."""
        self[queue_id] = {
            "id": queue_id,
            "name": name,
            "division": {"id": "8d1c2f60-home", "name": "Home"},
            "memberCount": 3,
            "selfUri": f"{QUEUES}/{queue_id}",
        }

    def check(self, request: Request, granted: Collection[str]) -> None:
        """Raise `Problem` if the client's role does not permit a request, whatever its scopes."""
        super().check(request, self.permissions)

    def answer(self, _: str, request: Request) -> Answer:
        """Return a page of the queues with the ids and the name in the query."""
        ids = request.query.get("id", "")
        pattern = request.query.get("name", "*").lower()
        return self.page(
            request,
            copy.deepcopy,
            lambda queue: (
                (not ids or queue["id"] in ids.split(","))
                and fnmatch.fnmatchcase(queue["name"].lower(), pattern)
            ),
        )

    def enter(self, one: Entity, state: str) -> None:
        """Do nothing, because a queue has no states."""
