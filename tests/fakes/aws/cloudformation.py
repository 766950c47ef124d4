"""CloudFormation in memory: the requests that it sends to the provisioner."""

import io
import json
import uuid
from typing import Any

from aws_lambda_powertools import Logger

from local.traffic.subscription import OUR_QUEUES
from provisioner.clients import Clients
from provisioner.custom_resource import handle_request
from provisioner.response import Response
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.stacks import STACK_ID, FakeStacks
from tests.fakes.clock import Clock

NAME = "queue-ends-dev"
ACCOUNT, REGION, SUFFIX = "111122223333", "eu-west-1", "QueueEnds-dev"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue-ends-dev-intake"
TOPICS = [f"v2.detail.events.conversation.{{id}}.{part}" for part in ("customer.end", "acd.end")]
RESPONSE_URL = "https://cloudformation-custom-resource.example/answer?X-Amz-Signature=s1gnature"
CLOUDFORMATION_ID = "QueueEnds-dev-Subscription-1ABC2DEF"

SUBSCRIPTION = "Custom::GenesysSubscription"
EVENT_SOURCE = "Custom::GenesysEventSource"
ACTIVE = "Custom::GenesysEventSourceActive"
QUEUE_NAMES = "Custom::GenesysQueueNames"
PROPERTIES: dict[str, dict[str, Any]] = {
    SUBSCRIPTION: {
        "Name": NAME,
        "Description": "Made by Queue Ends",
        "EventTypes": ["event:conversation:end"],
        "AttributeFilter": "queueId = 'Q1'",
        "QueueArn": QUEUE_ARN,
        "Region": REGION,
        "SecretName": "queue-ends/genesys",
    },
    EVENT_SOURCE: {
        "Name": NAME,
        "Notes": "Made by Queue Ends",
        "AccountId": ACCOUNT,
        "Region": REGION,
        "Suffix": SUFFIX,
        "Topics": TOPICS,
        "SecretName": "queue-ends/genesys",
    },
    QUEUE_NAMES: {
        "QueueIds": list(OUR_QUEUES),
        "EnvironmentBytes": "1200",
        "SecretName": "queue-ends/genesys",
    },
}


class CloudFormation:
    """A stack with one custom resource.

    Attributes
    ----------
    properties, old_properties
        The resource's last requested properties, and the properties before.
    physical_id
        The id from the last response.
    stacks
        The stack's status, which each request sets as CloudFormation does.
    """

    def __init__(
        self,
        genesys_url: str,
        clock: Clock,
        secrets: FakeSecrets,
        eventbridge: FakePartnerEventSources,
        resource_type: str = SUBSCRIPTION,
    ) -> None:
        self.clock = clock
        self.secrets = secrets
        self.eventbridge = eventbridge
        self.stacks = FakeStacks()
        self.resource_type = resource_type
        self.physical_id = ""
        self.properties: dict[str, Any] = {
            "ServiceToken": "arn:aws:lambda:eu-west-1:111122223333:function:subscription",
            **PROPERTIES.get(resource_type, {}),
            "LoginUrl": genesys_url,
            "ApiUrl": genesys_url,
        }
        self.old_properties = self.properties
        self.invocation_seconds = 240.0
        self._log = io.StringIO()
        # Loggers with the same name share a stream.
        self._logger = Logger(service=f"test-{uuid.uuid4()}", stream=self._log)

    @property
    def log(self) -> str:
        return self._log.getvalue()

    def create(self, **changes: Any) -> Response:
        """Create the resource with changed properties."""
        self.properties = self.properties | changes
        self.stacks.status = "CREATE_IN_PROGRESS"
        return self.request("Create")

    def update(self, **changes: Any) -> Response:
        """Update the resource to changed properties."""
        self.old_properties, self.properties = self.properties, self.properties | changes
        self.stacks.status = "UPDATE_IN_PROGRESS"
        return self.request("Update", OldResourceProperties=self.old_properties)

    def roll_back(self) -> Response:
        """Undo a failed Update as CloudFormation does, with old and new properties swapped."""
        self.old_properties, self.properties = self.properties, self.old_properties
        self.stacks.status = "UPDATE_ROLLBACK_IN_PROGRESS"
        return self.request("Update", OldResourceProperties=self.old_properties)

    def delete(self, physical_id: str | None = None) -> Response:
        """Delete the resource: by the id from the last response, or by another id."""
        self.physical_id = physical_id or self.physical_id
        self.stacks.status = "DELETE_IN_PROGRESS"
        return self.request("Delete")

    def cancel(self) -> Response:
        """Give a Create up that is still running, as CloudFormation does after another failure.

        Only the Create's own properties are known.
        """
        state_of_create = self.__dict__.copy()
        self.physical_id = CLOUDFORMATION_ID
        self.stacks.status = "ROLLBACK_IN_PROGRESS"
        response = self.request("Delete")
        self.__dict__.update(state_of_create)
        return response

    def request(self, kind: str, **fields: Any) -> Response:
        """Send a request and return the response."""
        response = self.carry_out(self.make_event(kind, **fields))
        self.physical_id = response.physical_id
        return response

    def make_event(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Return the Lambda event of a request."""
        event = {
            "RequestType": kind,
            "RequestId": "1f2e3d4c",
            "StackId": STACK_ID,
            "LogicalResourceId": "Subscription",
            "ResourceType": self.resource_type,
            "ResponseURL": RESPONSE_URL,
            "ResourceProperties": self.properties,
            **fields,
        }
        if kind != "Create":
            event["PhysicalResourceId"] = self.physical_id
        # A real event has been through JSON, too.
        through_json: dict[str, Any] = json.loads(json.dumps(event))
        return through_json

    def carry_out(self, event: dict[str, Any]) -> Response:
        """Have the provisioner carry out a request, and return its response."""
        clients: Any = self.secrets, self.eventbridge, self.stacks
        return handle_request(
            event,
            self.clock.invocation(self.invocation_seconds),
            Clients(*clients),
            self._logger,
        )
