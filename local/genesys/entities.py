"""The base class of subscriptions and integrations, with the behaviour that they share."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec

from local.genesys.problems import bad_request, missing_permission, not_allowed, not_found
from local.http.messages import Answer, Request

MAX_PAGE = 100
Entity = dict[str, Any]
Shape = TypeVar("Shape")


class Entities(dict[str, Entity], ABC):
    """All entities of one kind, keyed by id, in the API's form; tests may change them directly.

    Parameters
    ----------
    path, kind
        The API's path, and the word for one entity. Each id begins with the word's first letters.
    permissions
        The permission or scope that each HTTP method needs.
    clock
        Returns the present time in seconds.

    Attributes
    ----------
    visible_after
        Seconds until lists show a new entity.
    page_limit
        The most entities on a page, whatever the request asks for.
    page_count
        Whether lists contain the number of pages.
    active
        The versions of entities that send events, keyed by id. After a change, the old version
        sends events until the change takes effect.
    """

    def __init__(
        self, path: str, kind: str, permissions: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self.path, self.kind, self.needed, self.clock = path, kind, permissions, clock
        self.visible_after = 0.0
        self.page_limit = MAX_PAGE
        self.page_count = True
        self.active: dict[str, Entity] = {}
        self._numbers = count(1)
        self._visible_at: dict[str, float] = {}
        self._moves: dict[str, tuple[float, str]] = {}

    def find_by_name(self, name: str) -> list[Entity]:
        """Return the entities with a name."""
        return [one for one in self.values() if one["name"] == name]

    def add(self, **fields: Any) -> Entity:
        """Add an entity and return it."""
        new = f"{self.kind[:3]}-{next(self._numbers)}"
        self[new] = {"id": new, **fields, "selfUri": f"{self.path}/{new}"}
        return self[new]

    def hide_from_lists(self, new: Entity) -> None:
        """Hide a new entity from lists for `visible_after` seconds."""
        self._visible_at[new["id"]] = self.clock() + self.visible_after

    def move(self, one: Entity, state: str, seconds: float) -> None:
        """Let an entity enter `state` after some seconds."""
        self._moves[one["id"]] = self.clock() + seconds, state
        self.settle()

    def settle(self) -> None:
        """Complete the moves whose time has come; forget entities that a test removed."""
        for key in (self.active.keys() | self._moves.keys()) - self.keys():
            self.active.pop(key, None)
            self._moves.pop(key, None)
        for key, (at, state) in list(self._moves.items()):
            if self.clock() >= at and self.may_settle(key):
                del self._moves[key]
                self.active.pop(key, None)
                self.enter(self[key], state)

    def may_settle(self, _: str) -> bool:
        """Return whether an entity's move may complete once its time has come."""
        return True

    @abstractmethod
    def enter(self, one: Entity, state: str) -> None:
        """Put an entity into a state; an active entity sends events."""

    def check(self, request: Request, granted: Collection[str]) -> None:
        """Raise `Problem` if the granted scopes do not permit a request."""
        needed = self.needed.get(request.method)
        if not needed:
            raise not_allowed()
        if needed not in granted:
            raise missing_permission(needed)

    def find(self, request: Request) -> Entity:
        """Return the entity that a request's path identifies; raise `Problem` if there is none."""
        entity_id = request.path.removeprefix(self.path).split("/")[1]
        if entity_id not in self:
            raise not_found(f"No {self.kind} with id {entity_id}.")
        return self[entity_id]

    def page(
        self,
        request: Request,
        render: Callable[[Entity], Entity] = copy.deepcopy,
        is_listed: Callable[[Entity], bool] = lambda _: True,
    ) -> Answer:
        """Return the page of the list that a request asks for; `render` converts each entity."""
        now = self.clock()
        visible = [
            one
            for key, one in self.items()
            if self._visible_at.get(key, now) <= now and is_listed(one)
        ]
        number = _page_parameter(request, "pageNumber", 1, 1_000_000)
        size = min(_page_parameter(request, "pageSize", 25, MAX_PAGE), self.page_limit)
        pages = -(-len(visible) // size)
        body: Entity = {
            "entities": [render(one) for one in visible[(number - 1) * size : number * size]],
            "pageSize": size,
            "pageNumber": number,
            "total": len(visible),
        }
        if self.page_count:
            body["pageCount"] = pages
        if number < pages:
            body["nextUri"] = f"{self.path}?pageSize={size}&pageNumber={number + 1}"
        return Answer(200, body)


def decode_body(request: Request, shape: type[Shape]) -> Shape:
    """Return a request's body as an instance of `shape`; raise `Problem` if it does not fit."""
    try:
        return msgspec.json.decode(request.body, type=shape)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from None


def _page_parameter(request: Request, name: str, default: int, maximum: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= maximum:
        raise bad_request(f"{name}: expected 1 to {maximum}, got {text}.")
    return int(text)
