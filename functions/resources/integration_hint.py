"""Advice for the user on failed requests to Genesys Cloud about integrations."""

from genesys.errors import GenesysError
from genesys.integration_spec import INTEGRATION_TYPE
from genesys.integrations import PATH as INTEGRATIONS_PATH

# The permission on integrations that each HTTP method requires.
PERMISSIONS = {"GET": "view", "POST": "add", "PUT": "edit", "PATCH": "edit", "DELETE": "delete"}


def integration_hint(error: GenesysError) -> str | None:
    """Return advice on an error; None if there is no advice."""
    concerns_integrations = error.path.startswith(INTEGRATIONS_PATH)
    match error.status:
        case 403 if concerns_integrations and error.method in PERMISSIONS:
            return (
                "The OAuth client may not do this: give its role the permission "
                f"integrations:integration:{PERMISSIONS[error.method]}; altogether, the role "
                "needs integrations:integration:view, add, edit and delete."
            )
        case 403:
            # The request was not about integrations: the OAuth client may lack a role of the org.
            return (
                "The OAuth client may not do this: give it a role of the org with the permissions "
                "integrations:integration:view, add, edit and delete."
            )
        case 400 | 404 | 409 if (error.method, error.path) == ("POST", INTEGRATIONS_PATH):
            return (
                "Genesys Cloud refused to create the integration. Perhaps this org lacks the "
                f"integration type {INTEGRATION_TYPE} (Amazon EventBridge Source), or has "
                "reached its limit of integrations; look under Admin > Integrations."
            )
        case 400 if error.method == "PUT":
            return (
                "Genesys Cloud refused the integration's configuration: its AWS account, "
                "region, event source suffix or topics."
            )
        case 400 | 409 if concerns_integrations:
            return "Genesys Cloud refused to change the integration. Deploy again."
    return None
