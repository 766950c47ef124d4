"""The base class of a stack's resources in Genesys Cloud; each delivery has a subclass."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

from genesys.client import GenesysClient
from resources.org import Org
from resources.properties import COMMON_CHECKS, Check, validate

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of `Resource.compare`.

    Attributes
    ----------
    ids
        The ids of our resources in Genesys Cloud.
    differences
        A sentence for each difference from the deployed properties.
    has_lasting_error
        Whether a difference is an error that lasts until somebody mends access to Genesys Cloud or
        AWS, such as a refused login. `Resource.heal` would run into the same error.
    """

    ids: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    has_lasting_error: bool = False

    def sanitized(self, sanitize: Callable[[str], str]) -> "Comparison":
        """Return a copy with sanitized strings, because they may quote Genesys Cloud."""
        return replace(
            self,
            ids=tuple(map(sanitize, self.ids)),
            differences=tuple(map(sanitize, self.differences)),
        )


class Resource(Org, ABC):
    """A resource in Genesys Cloud that sends events to a stack: a subscription or an integration.

    The provisioner creates, changes and removes the resource; the watchdog compares it with the
    deployed properties, and heals it. Both functions know only this class. To add a delivery, write
    a subclass in its own file and add it to `registry.py`. The subclass sets the class variables
    and defines the abstract methods.

    Never identify a resource by a stored id: a resource is ours if it has our name *and* sends
    events to this stack. A resource with our name that sends events elsewhere belongs to somebody
    else. Do not change it.

    Attributes
    ----------
    string_keys, list_keys
        The names of the subclass's own properties: the strings, and the lists of strings.
    property_checks
        Additional checks of string properties, keyed by property name.
    name
        The resource's name in Genesys Cloud.
    """

    string_keys: ClassVar[tuple[str, ...]]
    list_keys: ClassVar[tuple[str, ...]]
    property_checks: ClassVar[Mapping[str, Check]] = {}

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__(properties)
        self.name: str = properties["Name"]

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> Self:
        """Return the resource that the template's properties describe.

        Raises
        ------
        InvalidProperties
            Properties are missing or invalid.
        """
        all_string_keys = ("LoginUrl", "ApiUrl", "SecretName", "Name", *cls.string_keys)
        all_checks = {**COMMON_CHECKS, **cls.property_checks}
        return cls(validate(properties, all_string_keys, cls.list_keys, all_checks))

    @property
    def physical_id(self) -> str:
        """The physical id for CloudFormation, which does not depend on the id in Genesys Cloud.

        It begins with the API's host. The provisioner refuses to change the host.

        An Update that changes the physical id creates another resource. CloudFormation then deletes
        the old resource.
        """
        return f"{self.api_host}/{self.name}"

    @abstractmethod
    def ensure(
        self,
        genesys: GenesysClient,
        eventbridge: "EventBridgeClient",
        *,
        old_properties: Mapping[str, Any] | None,
        cleanup_client: GenesysClient,
    ) -> dict[str, str]:
        """Ensure on Create and Update that exactly one resource is ours, active and as specified.

        Create our resource if there is none; change it only if it differs. Then read it until it is
        active and as specified. On failure, remove what this call created: see `undo_on_failure`.
        Return the attributes that the template can read, keyed by name.

        `genesys` checks before the creation that the resource is still wanted. Call
        `genesys.check_creation` right after it, too, and again when lists show the resource: the
        stack may be deleted meanwhile, and its Delete may not have found the resource.

        Parameters
        ----------
        genesys, cleanup_client
            Clients of the org. The deadline of `cleanup_client` is later, so that time is left to
            remove what a failed call created.
        eventbridge
            An EventBridge client for the stack's account and region.
        old_properties
            On Update, the properties before the Update, not validated; None on Create.

        Raises
        ------
        NameTaken
            A resource with our name belongs to somebody else.
        CreationUnwanted
            The resource did not exist and is not wanted any more.
        CleanupFailed
            The call failed, and a resource that it created may remain.
        NotAsSpecified, GenesysError, UserFacingError
            The call failed, and no resource that it created remains.
        """

    @abstractmethod
    def remove(self, genesys: GenesysClient, *, resource_may_yet_appear: bool) -> None:
        """Remove all our resources, if there are any.

        Parameters
        ----------
        resource_may_yet_appear
            Whether an earlier request may still create the resource, or lists may not show it yet.
            If so, search repeatedly.
        """

    @abstractmethod
    def compare(self, genesys: GenesysClient, eventbridge: "EventBridgeClient") -> Comparison:
        """Compare the resource, and its counterpart in AWS if any, with the deployed properties.

        Change nothing. Somebody else's resource with our name is a difference, too.
        """

    def heal(
        self,
        genesys: GenesysClient,
        eventbridge: "EventBridgeClient",
        *,
        cleanup_client: GenesysClient,
    ) -> None:
        """Remove the differences from the deployed properties, as a Create would.

        The parameters and errors are those of `ensure`. A subclass overrides this method if the
        resource's counterpart in AWS can be lost, too.
        """
        self.ensure(genesys, eventbridge, old_properties=None, cleanup_client=cleanup_client)


def check_exactly_one(noun: str, name: str, count: int) -> list[str]:
    """Return an empty list if exactly one resource is ours; else a list with one sentence."""
    match count:
        case 0:
            return [f"There is no {noun} {name!r} of ours: no ends arrive."]
        case 1:
            return []
    return [f"There are {count} {noun}s {name!r} of ours: each event arrives {count} times."]


def left_as_it_is(noun: str) -> str:
    """Return the end of the message of `NameTaken`, which says what to do."""
    return (
        "It was left as it is. In one org, each stage name can be used only once, whatever the AWS "
        f"account and region: deploy under another stage name, or remove that {noun}."
    )
