"""The reason that CloudFormation shows: what went wrong, and what to do about it."""

from genesys.client import SCOPES
from genesys.errors import CredentialsError, GenesysError, LoginRefused, Unreachable
from genesys.subscriptions import PATH, NotActive
from subscription.lifecycle import LeftBehind, NameTaken
from subscription.request import Properties, Request, RequestError


def advice(error: BaseException, request: Request | None) -> str:
    """Return what to tell the user of an error, in a few sentences and without secrets."""
    if isinstance(error, LeftBehind) and error.__cause__ is not None:
        return f"{advice(error.__cause__, request)} What was made could not be removed again yet."
    if request is None or isinstance(error, RequestError):
        return str(error) if isinstance(error, RequestError) else _unexpected(error)
    text = _what_to_do(error, request.properties)
    if request.kind == "Delete":
        text += (
            " The subscription may still exist: put right what is wrong and delete the stack "
            "again, or delete it with this resource retained and remove the subscription "
            f"{request.properties.wanted.name!r} in Genesys Cloud by hand."
        )
    return text


def _what_to_do(error: BaseException, properties: Properties) -> str:
    match error:
        case CredentialsError() | NameTaken():
            return str(error)
        case LoginRefused():
            return (
                "Genesys Cloud refused the login: the client id or client secret in the secret "
                f"{properties.secret_name!r} or the setting genesys_environment (now "
                f"{properties.login_url}) is wrong, or the OAuth client is not one for client "
                f"credentials. {error}."
            )
        case NotActive():
            return (
                "The subscription did not become active as asked for in time, and was removed if "
                f"it was new: {error}. Deploy again; if it stays so, ask Genesys Cloud's support."
            )
        case Unreachable():
            return (
                f"Genesys Cloud could not be reached ({properties.login_url}, "
                f"{properties.api_url}): {error}. Check the setting genesys_environment, then "
                "deploy again."
            )
        case GenesysError():
            return f"{_by_status(error)} {error}."
        case TimeoutError():
            return "Genesys Cloud did not answer in time. Deploy again."
    return _unexpected(error)


def _by_status(error: GenesysError) -> str:
    match error.status:
        case 400:
            return "Genesys Cloud refused the subscription; check the setting attribute_filter."
        case 401:
            return (
                "Genesys Cloud did not accept a token that it had just given; check the setting "
                "genesys_environment: login and API must be of the same org."
            )
        case 403:
            return (
                "The OAuth client may not do this: give it the scopes "
                f"{' and '.join(SCOPES.split())}, and its role the permission for event "
                "subscriptions."
            )
        case 404 if error.path == PATH:
            return 'This org has no event subscription API: use `delivery = "eventbridge"`.'
        case 409:
            return (
                "Genesys Cloud says that the subscription exists already, but does not show it "
                "to this OAuth client. Deploy under another stage name."
            )
        case 429:
            return (
                "Genesys Cloud still limits this OAuth client's requests; other programs may use "
                "it too. Deploy again in some minutes."
            )
    return "Genesys Cloud answered with an error. Deploy again later."


def _unexpected(error: BaseException) -> str:
    # The text of an error that nobody foresaw could hold anything: the type has to do.
    return f"Unexpected {type(error).__name__}; the function's log has the details."
