"""An org of Genesys Cloud, and the access to it that a custom resource's properties describe."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from deadline import Deadline
from genesys.client import GenesysClient
from genesys.credentials import Credentials
from genesys.errors import GenesysError
from outside_text import Cleaner


class Org:
    """The org that a custom resource belongs to.

    Attributes
    ----------
    noun
        The word for what the custom resource stands for, in messages to the user.
    scopes
        The OAuth scopes to request, separated by spaces; empty if the OAuth client's role alone
        decides what the client may do.
    login_url, api_url, secret_name
        The base URLs of Genesys Cloud's login and API, and the name of the secret that holds the
        credentials.
    """

    noun: ClassVar[str]
    scopes: ClassVar[str] = ""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self.login_url: str = properties["LoginUrl"].rstrip("/")
        self.api_url: str = properties["ApiUrl"].rstrip("/")
        self.secret_name: str = properties["SecretName"]

    def make_client(
        self,
        credentials: Credentials,
        deadline: Deadline,
        check_creation: Callable[[], None] = lambda: None,
        cleaner: Cleaner | None = None,
    ) -> GenesysClient:
        """Return a client of the org; the last two parameters are the client's."""
        return GenesysClient(
            self.login_url,
            self.api_url,
            credentials,
            deadline,
            scopes=self.scopes,
            check_creation=check_creation,
            cleaner=cleaner,
        )

    @property
    def api_host(self) -> str:
        """The API's host, which stands for the org."""
        return urlsplit(self.api_url).netloc.lower()

    def hint(self, error: GenesysError) -> str | None:
        """Return advice on an error; None if there is no advice."""
        return None
