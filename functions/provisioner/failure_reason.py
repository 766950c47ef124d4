"""The reason that CloudFormation shows for a failure, with advice for the user."""

from genesys.errors import GenesysError, LoginRefused, NotAsSpecified, Unreachable, UserFacingError
from private_network import explain_no_answer
from provisioner.request import Request
from resources.org import Org
from resources.undo import CleanupFailed


def failure_reason(error: BaseException, request: Request | Org | None) -> str:
    """Explain an error to the user in a few sentences, without secrets.

    Parameters
    ----------
    request
        The org alone if the custom resource only looks something up in it (see `LOOKUPS` in
        `resources.registry`). None if the request could not be parsed, or if the custom resource
        only waits (see `WAIT_FUNCTIONS` there).
    """
    if isinstance(error, CleanupFailed) and error.__cause__ is not None:
        reason = failure_reason(error.__cause__, request)
        return f"{reason} The clean-up failed, too: what was created may remain."
    if request is None:
        return str(error) if isinstance(error, UserFacingError) else _describe_unexpected(error)
    if isinstance(request, Org):
        return _explain(error, request)
    resource = request.resource
    reason = _explain(error, resource)
    if request.kind == "Delete":
        reason += (
            f" The {resource.noun} may still exist: correct the cause and delete the stack again. "
            "Or delete the stack with this custom resource retained, and remove the "
            f"{resource.noun} {resource.name!r} in Genesys Cloud by hand."
        )
    return reason


def _explain(error: BaseException, org: Org) -> str:
    match error:
        case UserFacingError():
            return str(error)
        case LoginRefused():
            return (
                "Genesys Cloud refused the login: the client id or client secret in the secret "
                f"{org.secret_name!r} or the setting genesys_environment is wrong (the login "
                f"was sent to {org.login_url}), or the OAuth client is not one for client "
                f"credentials. {error}."
            )
        case NotAsSpecified():
            return (
                f"The {org.noun} did not become active with the specified properties in time: "
                f"{error}. If it was new, it was removed. Deploy again; if this happens again, ask "
                "Genesys Cloud's support."
            )
        case Unreachable():
            return (
                f"Genesys Cloud could not be reached ({org.login_url}, "
                f"{org.api_url}): {error}. Check the setting genesys_environment, then "
                "deploy again."
            )
        case GenesysError():
            return f"{org.hint(error) or _explain_status(error)} {error}."
        case TimeoutError():
            failure = explain_no_answer("Genesys Cloud did not answer in time", "Genesys Cloud")
            return f"{failure}. Deploy again."
    return _describe_unexpected(error)


def _explain_status(error: GenesysError) -> str:
    match error.status:
        case 401:
            return (
                "Genesys Cloud did not accept a token that it had just issued. Check the setting "
                "genesys_environment: login and API must belong to the same org."
            )
        case 429:
            return (
                "Genesys Cloud still limits this OAuth client's requests; other programs may use "
                "the same OAuth client. Deploy again in some minutes."
            )
    return "Genesys Cloud answered with an error. Deploy again later."


def _describe_unexpected(error: BaseException) -> str:
    # Leave the message out: an unforeseen error's message may hold a secret.
    return f"Unexpected {type(error).__name__}; the function's log has the details."
