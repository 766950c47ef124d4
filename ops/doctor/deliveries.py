"""What each delivery needs in Genesys Cloud: its API, its permissions, and a free name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

from genesys import integrations, subscriptions
from genesys.client import GenesysClient
from genesys.errors import GenesysError
from genesys.integration_spec import (
    INTEGRATION_TYPE,
    AwsTarget,
    IntegrationSpec,
    describe_owner,
    make_notes,
)
from infra.settings.settings import Settings
from ops.aws import Aws


class Delivery(ABC):
    """A way for events to arrive, as Genesys Cloud offers it to an org.

    Attributes
    ----------
    name
        The value of the setting `delivery`.
    noun
        The word for the delivery's resource in Genesys Cloud.
    scopes
        The OAuth scopes that the delivery's client requests.
    untested
        A sentence about the permission that no request can test without a change.
    """

    name: ClassVar[str]
    noun: ClassVar[str]
    scopes: ClassVar[str] = ""
    untested: ClassVar[str]

    @abstractmethod
    def is_offered(self, client: GenesysClient) -> bool | None:
        """Return whether the org has what the delivery needs; None if the client may not ask."""

    @abstractmethod
    def missing_permissions(self, client: GenesysClient) -> list[str]:
        """Return the permissions that the OAuth client lacks.

        Requests that would change something name an id that was made up just now. No resource has
        it, so they cannot change anything: Genesys Cloud answers 403 to a client without the
        permission, and else 404.
        """

    @abstractmethod
    def permissions(self) -> list[str]:
        """Return the permissions that the OAuth client needs and that can be tested."""

    @abstractmethod
    def foreign_namesakes(self, client: GenesysClient, settings: Settings, aws: Aws) -> list[str]:
        """Return a description of each resource that has our name and belongs to somebody else."""

    @abstractmethod
    def sender_statements(self, policy: Mapping[str, Any], settings: Settings) -> list[Any]:
        """Return the statements of the intake queue's policy that admit the events' sender."""


class Subscription(Delivery):
    """The delivery by an event subscription."""

    name, noun = "subscription", "subscription"
    scopes = subscriptions.SCOPES
    untested = "Creating was not tested; it needs the same scope as deleting, which was."

    def is_offered(self, client: GenesysClient) -> bool | None:
        # The API exists if it refuses the client.
        return _status(client, "GET", subscriptions.PATH) != 404

    def permissions(self) -> list[str]:
        return subscriptions.SCOPES.split()

    def missing_permissions(self, client: GenesysClient) -> list[str]:
        read, write = self.permissions()
        # No PUT: nobody knows whether a PUT to an unknown id creates a subscription.
        statuses = {
            read: _status(client, "GET", subscriptions.PATH),
            write: _status(client, "DELETE", f"{subscriptions.PATH}/{uuid4()}"),
        }
        return [scope for scope, status in statuses.items() if status == 403]

    def foreign_namesakes(self, client: GenesysClient, settings: Settings, aws: Aws) -> list[str]:
        suffix = f":{aws.region}:{aws.account}:{settings.intake_queue_name}"
        found = subscriptions.Subscriptions(client).find_by_name(settings.resource_name)
        return [
            f"{entity.get('id')}, which sends to {subscriptions.describe_destination(entity)}"
            for entity in found
            if not (subscriptions.parse_queue_arn(entity) or "").endswith(suffix)
        ]

    def sender_statements(self, policy: Mapping[str, Any], settings: Settings) -> list[Any]:
        account = settings.genesys_account
        principals = {
            account,
            f"arn:aws:iam::{account}:root",
            f"arn:aws-us-gov:iam::{account}:root",
        }
        return [
            statement
            for statement in _sending_statements(policy)
            if principals & set(_principals(statement, "AWS"))
        ]


class EventBridge(Delivery):
    """The delivery by an integration with Amazon EventBridge."""

    name, noun = "eventbridge", "integration"
    untested = "integrations:integration:add cannot be tested without creating an integration."

    def is_offered(self, client: GenesysClient) -> bool | None:
        status = _status(client, "GET", f"{integrations.PATH}/types/{INTEGRATION_TYPE}")
        return None if status == 403 else status != 404

    def permissions(self) -> list[str]:
        return [f"integrations:integration:{action}" for action in ("view", "edit", "delete")]

    def missing_permissions(self, client: GenesysClient) -> list[str]:
        path = f"{integrations.PATH}/{uuid4()}"
        view, edit, delete = self.permissions()
        statuses = {
            view: _status(client, "GET", integrations.PATH),
            # An empty change changes nothing, even if it was accepted.
            edit: _status(client, "PATCH", path, body={}),
            delete: _status(client, "DELETE", path),
        }
        return [permission for permission, status in statuses.items() if status == 403]

    def foreign_namesakes(self, client: GenesysClient, settings: Settings, aws: Aws) -> list[str]:
        target = AwsTarget(aws.account, aws.region, settings.event_source_suffix)
        notes = make_notes(settings.stack_name, aws.account, aws.region)
        ours = IntegrationSpec(settings.resource_name, notes, target, topics=())
        return [
            f"{found.integration_id}, which {describe_owner(found.target, found.notes)}"
            for found in integrations.Integrations(client).find_by_name(settings.resource_name)
            if not found.is_being_deleted and not ours.owns(found.target, found.notes)
        ]

    def sender_statements(self, policy: Mapping[str, Any], settings: Settings) -> list[Any]:
        return [
            statement
            for statement in _sending_statements(policy)
            if "events.amazonaws.com" in _principals(statement, "Service")
        ]


DELIVERIES: Mapping[str, Delivery] = {each.name: each for each in (Subscription(), EventBridge())}
"""All deliveries, keyed by the value of the setting `delivery`."""


def _status(client: GenesysClient, method: str, path: str, **arguments: Any) -> int:
    """Send a request and return its status; raise an error if that says nothing about rights."""
    try:
        client.request(method, path, **arguments)
    except GenesysError as error:
        if error.status in (400, 403, 404, 405, 409):
            return error.status
        raise
    return 200


def _sending_statements(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        statement
        for statement in policy.get("Statement", ())
        if statement.get("Effect") == "Allow"
        and {"sqs:sendmessage", "sqs:*", "*"}
        & {each.lower() for each in _listed(statement, "Action")}
    ]


def _principals(statement: Mapping[str, Any], kind: str) -> list[str]:
    principal = statement.get("Principal")
    return _listed(principal, kind) if isinstance(principal, dict) else []


def _listed(of: Mapping[str, Any], key: str) -> list[str]:
    """Return a policy's value, which is one string or a list of strings, as a list."""
    value = of.get(key, [])
    return [value] if isinstance(value, str) else list(value)
