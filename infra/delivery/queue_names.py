"""The names of the routing queues, which the provisioner looks up in Genesys Cloud at a deploy."""

from collections.abc import Sequence

from aws_cdk import Fn
from constructs import Construct

from ..settings.settings import Settings
from ..settings.worker_environment import room_for_queue_names
from .provider import Provider

RESOURCE_TYPE = "Custom::GenesysQueueNames"


class QueueNames:
    """The custom resource that looks up the queues' names.

    It depends only on the provider, so that CloudFormation creates it early. A wrong queue id then
    stops a deploy before anything in Genesys Cloud is changed.

    Attributes
    ----------
    names
        The names, separated by line breaks, for the worker.
    labels
        A label for each of `queue_ids`, such as `Support (a1b2…)`.
    summary
        A text with all labels, or with the reason why the names are unknown.
    """

    def __init__(self, scope: Construct, *, settings: Settings, provider: Provider) -> None:
        properties: dict[str, object] = {
            "QueueIds": list(settings.queue_ids),
            "SecretName": settings.genesys_secret,
            "LoginUrl": settings.login_url,
            "ApiUrl": settings.api_url,
            "EnvironmentBytes": str(room_for_queue_names(settings)),
        }
        if settings.deployed_at:
            # CloudFormation asks the provisioner again only if a property has changed.
            properties["RequestedAt"] = settings.deployed_at
        resource = provider.make_custom_resource(scope, "QueueNames", RESOURCE_TYPE, properties)
        # In the dashboard's JSON, the CDK would escape a line break as separator.
        labels = Fn.split("|", resource.get_att_string("Labels"))
        self.names = resource.get_att_string("Names")
        self.labels: Sequence[str] = [
            Fn.select(index, labels) for index in range(len(settings.queue_ids))
        ]
        self.summary = resource.get_att_string("Summary")
