"""The reason that CloudFormation shows: what went wrong, and what to do about it."""

from genesys import integrations
from genesys.client import SCOPES
from genesys.errors import CredentialsError, GenesysError, LoginRefused, NotActive, Unreachable
from genesys.integration_spec import SOURCE_TYPE, IntegrationSpec
from genesys.integrations import StillThere
from genesys.partner_source import NotThere
from genesys.properties import Properties, WrongProperties
from genesys.subscriptions import PATH
from provisioner.leftovers import LeftBehind, NameTaken
from provisioner.request import Request, RequestError

PERMISSIONS = {"GET": "view", "POST": "add", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


def failure_reason(error: BaseException, request: Request | None) -> str:
    """Return what to tell the user of an error, in a few sentences and without secrets."""
    if isinstance(error, LeftBehind) and error.__cause__ is not None:
        why = failure_reason(error.__cause__, request)
        return f"{why} What was made could not be removed again yet."
    if isinstance(error, RequestError | WrongProperties | NotThere):
        return str(error)
    if request is None:
        return _unexpected(error)
    properties = request.properties
    text = _what_to_do(error, properties)
    if request.kind == "Delete":
        text += (
            f" The {properties.noun} may still exist: put right what is wrong and delete the stack "
            f"again, or delete it with this resource retained and remove the {properties.noun} "
            f"{properties.wanted.name!r} in Genesys Cloud by hand."
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
                f"The {properties.noun} did not become active as asked for in time, and was "
                f"removed if it was new: {error}. Deploy again; if it stays so, ask Genesys "
                "Cloud's support."
            )
        case StillThere():
            return f"{error} after its deletion."
        case Unreachable():
            return (
                f"Genesys Cloud could not be reached ({properties.login_url}, "
                f"{properties.api_url}): {error}. Check the setting genesys_environment, then "
                "deploy again."
            )
        case GenesysError():
            of_integration = isinstance(properties.wanted, IntegrationSpec)
            special = _of_an_integration(error) if of_integration else _of_a_subscription(error)
            return f"{special or _by_status(error)} {error}."
        case TimeoutError():
            return "Genesys Cloud did not answer in time. Deploy again."
    return _unexpected(error)


def _of_a_subscription(error: GenesysError) -> str | None:
    match error.status:
        case 400:
            return "Genesys Cloud refused the subscription; check the setting attribute_filter."
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
    return None


def _of_an_integration(error: GenesysError) -> str | None:
    path, of_integrations = error.path, error.path.startswith(integrations.PATH)
    match error.status:
        case 403 if of_integrations and error.method in PERMISSIONS:
            return (
                "The OAuth client may not do this: give its role the permission "
                f"integrations:integration:{PERMISSIONS[error.method]}; in all it needs "
                "integrations:integration:view, add, edit and delete."
            )
        case 403:
            return "The OAuth client may not do this: give it a role of the org."
        case 400 | 404 | 409 if (error.method, path) == ("POST", integrations.PATH):
            return (
                "Genesys Cloud refused to make the integration: the integration type "
                f"{SOURCE_TYPE} (Amazon EventBridge Source) may not be available in "
                "this org, or no more of it; look under Admin > Integrations."
            )
        case 400 if error.method == "PUT":
            return (
                "Genesys Cloud refused the integration's configuration: its AWS account, region, "
                "event source suffix or topics."
            )
        case 400 | 409 if of_integrations:
            return "Genesys Cloud refused to change the integration. Deploy again."
    return None


def _by_status(error: GenesysError) -> str:
    match error.status:
        case 401:
            return (
                "Genesys Cloud did not accept a token that it had just given; check the setting "
                "genesys_environment: login and API must be of the same org."
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
