"""Compares Genesys Cloud with the deployed stack once."""

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import code_of
from deadline import Deadline
from genesys.credentials import load_credentials
from genesys.errors import CredentialsError, GenesysError, LoginRefused
from resources.resource import Comparison, Resource
from watchdog.clients import Clients

# Error codes of Secrets Manager that last until somebody fixes the secret or the access to it.
_LASTING_SECRET_ERRORS = (
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
)


def compare(resource: Resource, deadline: Deadline, clients: Clients) -> Comparison:
    """Compare the resource; return a lasting error as the only difference.

    Raises
    ------
    CredentialsError, GenesysError, SourceStateUnknown
        There is no result; the error may be transient.
    """
    try:
        credentials = load_credentials(clients.secrets, resource.secret_name, deadline)
        client = resource.make_client(credentials, deadline)
        comparison = resource.compare(client, clients.eventbridge)
    except (CredentialsError, GenesysError) as error:
        if _may_be_transient(error):
            raise
        return Comparison(differences=(_describe_lasting_error(error),), has_lasting_error=True)
    return comparison.sanitized(client.sanitize)


def _may_be_transient(error: CredentialsError | GenesysError) -> bool:
    match error:
        case CredentialsError(__cause__=BotoCoreError()):
            return True
        case CredentialsError(__cause__=ClientError() as cause):
            return code_of(cause) not in _LASTING_SECRET_ERRORS
        case GenesysError(status=status):
            return status not in (400, 401, 403, 404)
    # The secret could be read, but its content is invalid.
    return False


def _describe_lasting_error(error: CredentialsError | GenesysError) -> str:
    match error:
        case LoginRefused():
            return (
                "Genesys Cloud refuses the login: the client id or secret was changed, or the "
                f"OAuth client was removed. {error}."
            )
        case GenesysError(status=403):
            return f"The OAuth client has no read access: its role lacks a permission. {error}."
        case GenesysError():
            return f"Genesys Cloud refuses the watchdog's requests. {error}."
    return str(error)
