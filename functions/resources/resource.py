"""The base of the things that a stack has in Genesys Cloud, one class a delivery."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import urlsplit

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.credentials import Credentials
from genesys.errors import GenesysError
from resources.properties import CHECKS, Check, checked

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ids of our things in Genesys Cloud, and a sentence for each difference."""

    ids: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    def cleaned(self, clean: Callable[[str], str]) -> "Comparison":
        """Return it with each text made fit to be shown: others may have written parts of it."""
        return Comparison(tuple(map(clean, self.ids)), tuple(map(clean, self.differences)))


class Resource(ABC):
    """A thing in Genesys Cloud that brings a stack its events: a subscription, an integration.

    The provisioner makes, changes and removes it, and the watchdog compares it with what was
    deployed. Both know this class only. A further delivery is a subclass in a file of its own and
    a line in `registry.py`; the subclass sets the first four attributes and defines the abstract
    methods.

    Never trust a stored id: a thing is ours when it bears our name *and* sends events to this
    stack. A thing of our name that sends them elsewhere is somebody else's, and stays untouched.

    Attributes
    ----------
    noun
        The word for the thing in texts that the user reads.
    texts, lists
        Its properties in the template: those that are texts, and those that are lists of texts.
    checks
        The form that some of these texts must have.
    scope
        The OAuth scopes to ask for; empty where the client's role alone says what it may do.
    name
        The thing's name in Genesys Cloud.
    login_url, api_url, secret_name
        Where to log in, and the secret with the credentials.
    """

    noun: ClassVar[str]
    texts: ClassVar[tuple[str, ...]]
    lists: ClassVar[tuple[str, ...]]
    checks: ClassVar[Mapping[str, Check]] = {}
    scope: ClassVar[str] = ""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.login_url: str = properties["LoginUrl"].rstrip("/")
        self.api_url: str = properties["ApiUrl"].rstrip("/")
        self.secret_name: str = properties["SecretName"]
        self.name: str = properties["Name"]

    @classmethod
    def parse(cls, properties: Mapping[str, Any]) -> Self:
        """Return the resource with these properties.

        Raises
        ------
        InvalidProperties
            Some are missing or wrong; the text names them all.
        """
        texts = ("LoginUrl", "ApiUrl", "SecretName", "Name", *cls.texts)
        return cls(checked(properties, texts, cls.lists, {**CHECKS, **cls.checks}))

    def client(self, credentials: Credentials, deadline: Deadline) -> GenesysClient:
        """Return a client of the org that the thing is in."""
        return GenesysClient(self.login_url, self.api_url, credentials, deadline, scope=self.scope)

    @property
    def api_host(self) -> str:
        """The host of the org's API."""
        return urlsplit(self.api_url).netloc.lower()

    @property
    def physical_id(self) -> str:
        """The id for CloudFormation: the same for every request, whatever Genesys Cloud's id is.

        A property that is part of it cannot change in place: an Update with another value makes
        another thing, and the former one is deleted after it.
        """
        return f"{self.api_host}/{self.name}"

    @abstractmethod
    def ensure(
        self,
        genesys: GenesysClient,
        events: "EventBridgeClient",
        *,
        former: Mapping[str, Any] | None,
        cleanup: GenesysClient,
    ) -> dict[str, str]:
        """Have exactly one thing as specified, working; return the data for the template.

        Find ours, change it only where it differs, or make it, and read it back until it is right.
        If that fails, remove what this call made: see `undone_on_failure`.

        Parameters
        ----------
        events
            EventBridge in the stack's account and region.
        former
            On Update, the properties from before, unchecked; None on Create.
        cleanup
            A client of the same org, with time kept to remove what a failed call made.

        Raises
        ------
        NameTaken
            A thing of that name is somebody else's.
        LeftBehind
            The call failed, and what it made could not be removed.
        NotActive, GenesysError, Explained
            The call failed, and nothing that it made is left.
        """

    @abstractmethod
    def remove(self, genesys: GenesysClient, *, creation_under_way: bool) -> None:
        """Remove all that is ours; nothing there is a success.

        Parameters
        ----------
        creation_under_way
            Search for a while: a creation that CloudFormation gave up may yet make the thing.
        """

    @abstractmethod
    def compare(self, genesys: GenesysClient, events: "EventBridgeClient") -> Comparison:
        """Compare Genesys Cloud, and AWS where it takes part, with what was deployed.

        Change nothing. Name in the differences who else uses our name.
        """

    def hint(self, error: GenesysError) -> str | None:
        """Return the advice on an error that only this delivery knows; None for all others."""
        return None


def number_differences(noun: str, name: str, number: int) -> list[str]:
    """Return a sentence if there is not exactly one thing of ours."""
    match number:
        case 0:
            return [f"There is no {noun} {name!r} of ours: no ends arrive."]
        case 1:
            return []
    return [f"There are {number} {noun}s {name!r} of ours: events come that often."]
