"""The custom resource `Custom::GenesysQueueNames` looks up the names of the stack's queues.

It creates nothing in Genesys Cloud. A queue id that the org does not have makes a deploy fail. A
roll-back never fails: CloudFormation would leave the stack in a state that needs repair by hand.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from genesys.client import GenesysClient
from genesys.errors import GenesysError, UserFacingError
from genesys.queues import PATH, PERMISSION, Queue, find_queues, find_similar_queues
from resources.org import Org
from resources.properties import COMMON_CHECKS, validate
from resources.queue_data import QueueData, make_queue_data

_MAX_SUGGESTIONS = 5
_MAX_PROBLEM_CHARACTERS = 500


class UnknownQueues(UserFacingError):
    """The org does not have some of the queues; the message names their ids and similar queues."""


class QueueNames(Org):
    """The queues whose names a stack uses.

    Attributes
    ----------
    queue_ids
        The ids of the stack's queues.
    environment_bytes
        The room for the names in the worker's environment.
    requested_at
        When the deploy began, in ISO 8601; None if the deploy did not say so.
    """

    noun = "queue"

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.queue_ids: Sequence[str] = properties["QueueIds"]
        self.environment_bytes = int(properties["EnvironmentBytes"])
        self.requested_at: str | None = properties.get("RequestedAt") or None

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> Self:
        """Return the queues that the template's properties describe.

        Raises
        ------
        InvalidProperties
            Properties are missing or invalid.
        """
        string_keys = ("LoginUrl", "ApiUrl", "SecretName", "EnvironmentBytes")
        checks = {**COMMON_CHECKS, "EnvironmentBytes": (str.isdecimal, "a whole number")}
        return cls(validate(properties, string_keys, ["QueueIds"], checks))

    @property
    def physical_id(self) -> str:
        """The physical id for CloudFormation.

        After a roll-back, a version of the provisioner that does not know this custom resource must
        delete it. Every version lets a Delete with this prefix succeed.
        """
        return f"nothing-created/queue-names/{self.api_host}"

    def look_up(
        self, open_client: Callable[[], GenesysClient], old_properties: Mapping[str, Any] | None
    ) -> QueueData:
        """Return the names of the queues, for a Create or an Update.

        Without the permission to see queues, the names remain unknown; so they do behind a proxy
        that does not pass this request on (404). An Update goes on without names during an outage
        of Genesys Cloud, unless it adds a queue. A roll-back goes on after any error.

        Parameters
        ----------
        open_client
            Reads the credentials and returns a client of the org.
        old_properties
            On Update, the properties before the Update, not validated; None on Create.

        Raises
        ------
        UnknownQueues
            The org does not have some of the queues.
        GenesysError, UserFacingError, TimeoutError
            The lookup failed.
        """
        try:
            genesys = open_client()
            found = find_queues(genesys, self.queue_ids)
            unknown_ids = [queue_id for queue_id in self.queue_ids if queue_id not in found]
            if intolerable := self._intolerable_ids(unknown_ids, old_properties):
                raise UnknownQueues(_describe_unknown(genesys, self.api_host, intolerable))
        except Exception as error:
            if problem := self._tolerate(error, old_properties):
                return self._make_data({}, problem)
            raise
        names = {queue_id: queue.name for queue_id, queue in found.items()}
        problem = f"Not found in Genesys Cloud: {', '.join(unknown_ids)}." if unknown_ids else ""
        return self._make_data(names, problem)

    def _make_data(self, names: Mapping[str, str], problem: str) -> QueueData:
        return make_queue_data(
            self.queue_ids,
            names,
            environment_bytes=self.environment_bytes,
            problem=problem[:_MAX_PROBLEM_CHARACTERS],
        )

    def _is_roll_back(self, old_properties: Mapping[str, Any] | None) -> bool:
        """Return whether an Update restores properties of an earlier deploy."""
        old_requested_at = (old_properties or {}).get("RequestedAt")
        # Times in the same form of ISO 8601 can be compared as texts.
        return bool(self.requested_at and old_requested_at and self.requested_at < old_requested_at)

    def _intolerable_ids(
        self, unknown_ids: Sequence[str], old_properties: Mapping[str, Any] | None
    ) -> list[str]:
        """Return the unknown ids that make a Create or an Update fail."""
        if self._is_roll_back(old_properties):
            return []
        if old_properties and not (self.requested_at and old_properties.get("RequestedAt")):
            # The Update may be a roll-back, so it must accept the queues that the stack has.
            return [queue_id for queue_id in unknown_ids if queue_id not in _ids_in(old_properties)]
        return list(unknown_ids)

    def _tolerate(self, error: Exception, old_properties: Mapping[str, Any] | None) -> str | None:
        """Return the problem to report if the stack goes on without names; None if it fails."""
        match error:
            case GenesysError(status=403, path=path) if path == PATH:
                return (
                    "The names of the queues are unknown, because the role of the OAuth client "
                    f"lacks the permission {PERMISSION}. Add the permission and deploy again."
                )
            case GenesysError(status=404, path=path) if path == PATH:
                return f"The names of the queues are unknown, because the API has no {PATH}."
        adds_queue = not set(self.queue_ids) <= _ids_in(old_properties or {})
        if self._is_roll_back(old_properties) or (_is_outage(error) and not adds_queue):
            safe_error = isinstance(error, GenesysError | UserFacingError)
            detail = str(error).rstrip(".") if safe_error else type(error).__name__
            return (
                "The names of the queues are unknown until the next deploy, because they could "
                f"not be looked up: {detail}."
            )
        return None


def _ids_in(properties: Mapping[str, Any]) -> frozenset[str]:
    """Return the queue ids in unvalidated properties."""
    queue_ids = properties.get("QueueIds")
    return frozenset(map(str, queue_ids)) if isinstance(queue_ids, list) else frozenset()


def _is_outage(error: Exception) -> bool:
    """Return whether an error says that Genesys Cloud cannot answer at the moment."""
    if isinstance(error, GenesysError):
        return error.status is None or error.status == 429 or error.status >= 500
    return isinstance(error, TimeoutError)


def _describe_unknown(genesys: GenesysClient, api_host: str, unknown_ids: Sequence[str]) -> str:
    ids = "the id" if len(unknown_ids) == 1 else "any of the ids"
    sentences = [
        f"The org at {api_host} has no queue with {ids} {', '.join(map(repr, unknown_ids))}, or "
        "the queue is in a division that the OAuth client's role does not cover. Correct the "
        "setting queue_ids: it needs the ids of queues, not their names."
    ]
    for queue_id, queues in _suggest(genesys, unknown_ids).items():
        if queues:
            similar = ", ".join(
                f"{genesys.sanitize(queue.name)!r} has the id {genesys.sanitize(queue.id)}"
                for queue in queues
            )
            sentences.append(f"Similar to {queue_id!r}: {similar}.")
    return " ".join(sentences)


def _suggest(genesys: GenesysClient, unknown_ids: Sequence[str]) -> dict[str, list[Queue]]:
    try:
        return find_similar_queues(genesys, unknown_ids[:_MAX_SUGGESTIONS])
    except GenesysError as error:
        if error.status in (403, 404):
            raise  # the org does not show its queues, so the ids may be right
        return {}  # the ids are unknown all the same
