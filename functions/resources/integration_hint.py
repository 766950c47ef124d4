"""Advice for the user on failed requests about integrations, and on a name that is taken."""

from genesys.errors import GenesysError, NameTaken
from genesys.integration_spec import INTEGRATION_TYPE, AwsTarget, IntegrationSpec, describe_owner
from genesys.integrations import PATH as INTEGRATIONS_PATH
from resources.resource import left_as_it_is

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


def name_taken_error(
    spec: IntegrationSpec, integration_id: str, target: AwsTarget | None, notes: str
) -> NameTaken:
    """Return the error for an integration of somebody else's that has our name.

    `target` and `notes` are those of the integration.
    """
    return NameTaken(
        f"The integration {spec.name!r} (id {integration_id}) exists already and "
        f"{describe_owner(target, notes)}. This stack's own target is {spec.target}. "
        f"{left_as_it_is('integration')}"
    )
