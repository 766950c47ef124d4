"""What the Genesys Cloud stand-in answers: login, an org, its event subscriptions."""

from __future__ import annotations

import base64
import re
import secrets
import threading
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from local.genesys.integrations import INTEGRATIONS, Integrations
from local.genesys.rest import json_object, missing, not_allowed, not_found, page
from local.genesys.subscriptions import SUBSCRIPTIONS, Subscription, validated
from local.genesys.wire import Answer, Problem, Request

LOGIN = "/oauth/token"
READ, WRITE = "event:subscribe:read", "event:subscribe:write"
ORGANIZATION = "/api/v2/organizations/me"
PLACE = re.compile(rf"{SUBSCRIPTIONS}(?:/([^/]+))?")


class Org:
    """An org of Genesys Cloud: one OAuth client, its tokens, the subscriptions and integrations.

    Its attributes may be changed at any time; they are described at `genesys.GenesysCloud`.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.client_id = str(uuid4())
        self.client_secret = secrets.token_urlsafe(32)
        self.scopes: Collection[str] = (READ, WRITE)
        self.expires_in = 86_400
        self.bad_login_status = 401
        self.activation_seconds = 0.2
        self.activation_reads = 1
        self.has_subscription_api = True
        self.id = str(uuid4())
        self.integrations = Integrations(clock)
        self.lock = threading.RLock()
        self._tokens: dict[str, tuple[frozenset[str], float]] = {}
        self._held: dict[str, Subscription] = {}

    def revoke_tokens(self) -> None:
        """Make every token that was given out invalid."""
        with self.lock:
            self._tokens.clear()

    def respond(self, request: Request) -> Answer:
        """Carry out `request`; raise `Problem` for what the API refuses."""
        with self.lock:
            if (request.method, request.path) == ("POST", LOGIN):
                return self._login(request)
            if not request.path.startswith("/api/v2/"):
                raise not_found()
            granted = self._granted(request)
            if request.path == ORGANIZATION:
                return self._organization(request)
            if f"{request.path}/".startswith(f"{INTEGRATIONS}/"):
                return self.integrations.respond(request)
            place = PLACE.fullmatch(request.path) if self.has_subscription_api else None
            if not place:
                raise not_found()
            needed = READ if request.method == "GET" else WRITE
            if needed not in granted:
                raise missing(needed)
            action = self._actions(bool(place[1])).get(request.method)
            if not action:
                raise not_allowed()
            return action(request, place[1] or "")

    def held(self) -> list[Subscription]:
        """Return the subscriptions in the order in which they were made, settled."""
        with self.lock:
            for one in self._held.values():
                one.settle(self.clock())
            return list(self._held.values())

    def hold(self, wanted: dict[str, Any], *, at_once: bool = False) -> Subscription:
        """Validate and add a subscription."""
        with self.lock:
            wanted = self._validated(wanted, None)
            one = Subscription(wanted, *((0.0, 0) if at_once else self._activation()))
            self._held[one.id] = one
            return one

    def _activation(self) -> tuple[float, int]:
        return self.clock() + self.activation_seconds, self.activation_reads

    def _login(self, request: Request) -> Answer:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return Answer(400, {"error": "unsupported_grant_type"})
        if _credentials(request, form) != (self.client_id, self.client_secret):
            error = {"error": "invalid_client", "description": "authentication failed"}
            return Answer(self.bad_login_status, error)
        asked = form["scope"].split() if form.get("scope") else self.scopes
        granted = frozenset(asked) & frozenset(self.scopes)
        token = secrets.token_urlsafe(48)
        self._tokens[token] = granted, self.clock() + self.expires_in
        answer = {"access_token": token, "token_type": "bearer", "expires_in": self.expires_in}
        return Answer(200, {**answer, "scope": " ".join(sorted(granted))})

    def _granted(self, request: Request) -> frozenset[str]:
        """Return the scopes of the token in `request`."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            text = "No authentication bearer token specified in authorization header."
            raise Problem(401, "authentication.required", text)
        granted, ends = self._tokens.get(token, (frozenset(), 0.0))
        if self.clock() >= ends:
            raise Problem(401, "bad.credentials", "Invalid login credentials.")
        return granted

    def _organization(self, request: Request) -> Answer:
        if request.method != "GET":
            raise not_allowed()
        return Answer(200, {"id": self.id, "name": "Example", "state": "active"})

    def _actions(self, one: bool) -> dict[str, Callable[[Request, str], Answer]]:
        if one:
            return {"GET": self._get, "PUT": self._put, "DELETE": self._delete}
        return {"GET": self._list, "POST": self._post}

    def _post(self, request: Request, _: str) -> Answer:
        one = self.hold(json_object(request))
        one.settle(self.clock())
        return Answer(201, one.entity())

    def _get(self, _: Request, subscription_id: str) -> Answer:
        return Answer(200, self._read(self._find(subscription_id)))

    def _put(self, request: Request, subscription_id: str) -> Answer:
        one = self._find(subscription_id)
        one.change(self._validated(json_object(request), subscription_id), *self._activation())
        one.settle(self.clock())
        return Answer(200, one.entity())

    def _delete(self, _: Request, subscription_id: str) -> Answer:
        del self._held[self._find(subscription_id).id]
        return Answer(204)

    def _list(self, request: Request, _: str) -> Answer:
        return page(request, list(self._held.values()), self._read)

    def _read(self, one: Subscription) -> dict[str, Any]:
        one.settle(self.clock())
        one.reads_left -= 1
        return one.entity()

    def _find(self, subscription_id: str) -> Subscription:
        if subscription_id not in self._held:
            raise not_found(f"No event subscription with id {subscription_id}.")
        return self._held[subscription_id]

    def _validated(self, body: dict[str, Any], own_id: str | None) -> dict[str, Any]:
        """Return the fields of a subscription; `own_id` is the one that they replace."""
        wanted = validated(body)
        if any(
            one.wanted["name"] == wanted["name"] and one.id != own_id for one in self._held.values()
        ):
            text = f"An event subscription named {wanted['name']} exists already."
            raise Problem(409, "conflict", text)
        return wanted


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    """Return client id and secret: from a Basic header, else from the form."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return "", ""
    return client_id, client_secret
