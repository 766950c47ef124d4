"""Checks of the deployed stack: its settings, and what it has in Genesys Cloud."""

from genesys.errors import CredentialsError, GenesysError
from genesys.partner_source import SourceStateUnknown
from ops.deployed import find_deployed
from ops.doctor.account import read_credentials
from ops.doctor.checks import Result, failed, ok, skipped, warning
from ops.doctor.examination import Examination
from ops.template import read_template
from resources.resource import Resource


def check_stack(examination: Examination) -> Result:
    """Check that the stack is deployed; without it, the remaining checks are skipped."""
    deployed = find_deployed(examination.aws, examination.stage)
    deploy = f"make deploy STAGE={examination.stage}"
    if deployed is None:
        return skipped(f"not deployed yet: {deploy}")
    if not deployed.status.endswith("_COMPLETE") or deployed.status in (
        "ROLLBACK_COMPLETE",
        "DELETE_COMPLETE",
    ):
        if deployed.status.endswith("_IN_PROGRESS"):
            return skipped(f"{deployed.status}: try again when CloudFormation is done")
        return failed(
            f"{deployed.name} is in the state {deployed.status}",
            "Look at the stack's events in CloudFormation, then deploy again or delete the stack.",
        )
    examination.deployed = deployed
    examination.template = read_template(deployed)
    if deployed.status == "UPDATE_ROLLBACK_COMPLETE":
        return warning(
            f"{deployed.status}: the last deploy failed, and the one before it is in use",
            f"See why in the stack's events, then deploy again: {deploy}",
        )
    return ok(deployed.status)


def check_event_source(examination: Examination) -> Result:
    """Check that the subscription or integration is active, and as it was deployed.

    Before the first deploy, check that nobody else has its name.
    """
    if examination.template is None:
        return _check_name(examination)
    resource = examination.template.event_source()
    try:
        comparison = _compare(resource, examination)
    except CredentialsError as error:
        return failed(str(error), f"Deploy again: make deploy STAGE={examination.stage}")
    except SourceStateUnknown as error:
        return warning(str(error), "Try again.")
    except GenesysError as error:
        if error.status not in (403, 404):
            raise
        return failed(str(error), resource.hint(error) or "Check the OAuth client's role.")
    if comparison:
        return failed("\n".join(comparison), _remedy(resource, examination))
    return ok(f"the {resource.noun} {resource.name} is active and as deployed")


def _check_name(examination: Examination) -> Result:
    delivery, settings = examination.delivery, examination.settings
    client = examination.delivery_client
    try:
        foreign = delivery.foreign_namesakes(client, settings, examination.aws)
    except GenesysError as error:
        if error.status != 403:
            raise
        return skipped("the OAuth client may not look")
    name = f"{delivery.noun} {settings.resource_name}"
    if foreign:
        return failed(
            client.sanitize(f"another {name} exists: {'; '.join(foreign)}"),
            f"Choose another stage name, or remove that {delivery.noun} in Genesys Cloud.",
        )
    return skipped(f"not deployed yet; there is no other {name}")


def check_deployed_settings(examination: Examination) -> Result:
    """Check that the stack was deployed with the present settings."""
    settings, template = examination.settings, examination.deployed_template()
    resource = template.event_source()
    pairs = {
        "queue_ids": (settings.queue_ids, tuple(template.queue_ids())),
        "genesys_secret": (settings.genesys_secret, resource.secret_name),
        "genesys_environment or genesys_login_url": (settings.login_url, resource.login_url),
        "genesys_environment or genesys_api_url": (settings.api_url, resource.api_url),
        "delivery": (examination.delivery.noun, resource.noun),
    }
    if deployed_filter := template.attribute_filter():
        pairs["attribute_filter"] = (settings.filter_expression, deployed_filter)
    changed = [key for key, (now, then) in pairs.items() if now != then]
    if changed:
        return warning(
            f"changed since the last deploy: {', '.join(changed)}",
            f"Deploy the change: make deploy STAGE={examination.stage}",
        )
    return ok("the same as in the last deploy")


def _compare(resource: Resource, examination: Examination) -> tuple[str, ...]:
    aws, settings = examination.aws, examination.settings
    credentials = examination.credentials
    if resource.secret_name != settings.genesys_secret:
        credentials = read_credentials(examination, resource.secret_name)
    client = resource.make_client(credentials, examination.deadline)
    comparison = resource.compare(client, aws.client("events"))
    return comparison.sanitized(client.sanitize).differences


def _remedy(resource: Resource, examination: Examination) -> str:
    remedy = (
        f"No events, or the wrong ones, arrive until this is put right. If somebody else's or a "
        f"second {resource.noun} has the name, remove it in Genesys Cloud. "
    )
    if examination.settings.watchdog == "heal":
        return remedy + "The watchdog (heal) puts other differences right within five minutes."
    return remedy + "Otherwise see “Mend by deploying” in docs/runbook.md."
