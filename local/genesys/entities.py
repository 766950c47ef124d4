"""Entities of one kind in the stand-in's org: how they are made, found and listed."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec

from local.genesys.problems import bad_request, missing, not_allowed, not_found
from local.http.messages import Answer, Request

MAX_PAGE = 100
Entity = dict[str, Any]
Shape = TypeVar("Shape")


class Entities(dict[str, Entity], ABC):
    """Entities by id, as the API shows them; whoever looks in may change them by hand.

    Parameters
    ----------
    path, kind
        Of the API, and the word that ids begin with.
    permissions
        The permission, or scope, that each method needs.
    clock
        Seconds.

    Attributes
    ----------
    visible_after
        Seconds until lists show a new one.
    page_limit
        The most that a page holds, whatever is asked for.
    page_count
        Whether lists say how many pages there are.
    live
        By id: as what it was when it last became active, and delivers until it changes again.
    """

    def __init__(
        self, path: str, kind: str, permissions: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        super().__init__()
        self.path, self.kind, self.needed, self.clock = path, kind, permissions, clock
        self.visible_after = 0.0
        self.page_limit = MAX_PAGE
        self.page_count = True
        self.live: dict[str, Entity] = {}
        self._numbers = count(1)
        self._visible_at: dict[str, float] = {}
        self._moves: dict[str, tuple[float, str]] = {}

    def named(self, name: str) -> list[Entity]:
        """Return the entities of that name."""
        return [one for one in self.values() if one["name"] == name]

    def add(self, **fields: Any) -> Entity:
        """Put an entity in and return it."""
        new = f"{self.kind[:3]}-{next(self._numbers)}"
        self[new] = {"id": new, **fields, "selfUri": f"{self.path}/{new}"}
        return self[new]

    def appears_late(self, new: Entity) -> None:
        """Have lists show an entity after `visible_after` seconds only."""
        self._visible_at[new["id"]] = self.clock() + self.visible_after

    def move(self, one: Entity, state: str, seconds: float) -> None:
        """Have an entity enter a state after so many seconds."""
        self._moves[one["id"]] = self.clock() + seconds, state
        self.settle()

    def settle(self) -> None:
        """Complete the moves whose moment has come; forget what was removed by hand."""
        for key in (self.live.keys() | self._moves.keys()) - self.keys():
            self.live.pop(key, None)
            self._moves.pop(key, None)
        for key, (at, state) in list(self._moves.items()):
            if self.clock() >= at and self.may_settle(key):
                del self._moves[key]
                self.live.pop(key, None)
                self.enter(self[key], state)

    def may_settle(self, _: str) -> bool:
        """Return whether nothing but its moment holds up an entity's move."""
        return True

    @abstractmethod
    def enter(self, one: Entity, state: str) -> None:
        """Have an entity be in a state, and deliver if that is an active one."""

    def check(self, request: Request, granted: Collection[str]) -> None:
        """Refuse a request that the client, with these scopes, may not make."""
        needed = self.needed.get(request.method)
        if not needed:
            raise not_allowed()
        if needed not in granted:
            raise missing(needed)

    def found(self, request: Request) -> Entity:
        """Return the entity that a request's path names."""
        wanted = request.path.removeprefix(self.path).split("/")[1]
        if wanted not in self:
            raise not_found(f"No {self.kind} with id {wanted}.")
        return self[wanted]

    def page(self, request: Request, shown: Callable[[Entity], Entity] = copy.deepcopy) -> Answer:
        """Answer with the page of the list that a request asks for."""
        now = self.clock()
        every = [one for key, one in self.items() if self._visible_at.get(key, now) <= now]
        number = _page_parameter(request, "pageNumber", 1, 1_000_000)
        size = min(_page_parameter(request, "pageSize", 25, MAX_PAGE), self.page_limit)
        pages = -(-len(every) // size)
        body: Entity = {
            "entities": [shown(one) for one in every[(number - 1) * size : number * size]],
            "pageSize": size,
            "pageNumber": number,
            "total": len(every),
        }
        if self.page_count:
            body["pageCount"] = pages
        if number < pages:
            body["nextUri"] = f"{self.path}?pageSize={size}&pageNumber={number + 1}"
        return Answer(200, body)


def decoded(request: Request, shape: type[Shape]) -> Shape:
    """Return the body of a request, which has to have a shape."""
    try:
        return msgspec.json.decode(request.body, type=shape)
    except msgspec.MsgspecError as error:
        raise bad_request(str(error)) from None


def _page_parameter(request: Request, name: str, default: int, most: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise bad_request(f"{name}: expected 1 to {most}, got {text}.")
    return int(text)
