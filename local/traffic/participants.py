"""The ids of a conversation's participants and sessions, which its events share."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Key = tuple[str, ...]


class Ids(NamedTuple):
    """The ids of a participant and of one of the participant's sessions."""

    participant_id: str
    session_id: str


class Participants:
    """The participants of a conversation.

    The customer and each agent keep their participant id, and have a session for each stay. Each
    menu, each wait in a queue and each further external party is a participant with one session.
    """

    def __init__(self) -> None:
        self._customer_id = ""
        self._agent_ids: dict[str, str] = {}
        # The sessions that have started and not ended, in order.
        self._open: list[tuple[Key, Ids]] = []
        # Each agent's latest session, keyed by queue, agent and media type.
        self._legs: dict[Key, Ids] = {}
        # The session of the latest after-call work, keyed by queue.
        self._after_call: dict[str, Ids] = {}

    def identify(self, topic: str, media: str, body: Mapping[str, Any], fresh: Ids) -> Ids:
        """Return the ids of the participant and the session that an event is about.

        Parameters
        ----------
        fresh
            Ids for a new participant and a new session.
        """
        queue_id, user_id = body.get("queueId", ""), body.get("userId", "")
        kind, _, edge = topic.partition(".")
        match kind:
            case "customer":
                return self._of_customer(edge, media, fresh)
            case "user":
                participant_id = self._agent_ids.setdefault(user_id, fresh.participant_id)
                leg = fresh._replace(participant_id=participant_id)
                leg = self._start_or_end(edge, ("user", user_id, media), leg)
                self._legs[queue_id, user_id, media] = leg
                return leg
            case "acw":
                self._after_call[queue_id] = self._legs[queue_id, user_id, media]
                return self._after_call[queue_id]
            case "wrapup":
                return self._after_call[queue_id]
        return self._wait_or_menu(edge, (kind, queue_id, media), fresh)

    def _of_customer(self, edge: str, media: str, fresh: Ids) -> Ids:
        key = "customer", media
        # A customer who joins by the same medium while another one is there is an external party.
        is_external = edge == "start" and any(is_open == key for is_open, _ in self._open)
        self._customer_id = self._customer_id or fresh.participant_id
        own = fresh if is_external else fresh._replace(participant_id=self._customer_id)
        return self._start_or_end(edge, key, own)

    def _wait_or_menu(self, edge: str, key: Key, fresh: Ids) -> Ids:
        if edge == "start":
            # The same wait may start twice: when it is announced, and when it begins.
            waiting = (ids for is_open, ids in self._open if is_open == key)
            if ids := next(waiting, None):
                return ids
        return self._start_or_end(edge, key, fresh)

    def _start_or_end(self, edge: str, key: Key, fresh: Ids) -> Ids:
        """Start a session, or end the latest one with this key; return its ids.

        A session that ends without a start, as a customer's after a conference, is a new one.
        """
        if edge == "start":
            self._open.append((key, fresh))
            return fresh
        latest = next((entry for entry in reversed(self._open) if entry[0] == key), (key, fresh))
        if latest in self._open:
            self._open.remove(latest)
        return latest[1]
