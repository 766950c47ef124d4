"""Checks of the AWS account and of the settings: credentials, bootstrap, secrets."""

from botocore.exceptions import ClientError

from aws_calls import code_of
from deadline import Deadline
from destinations.webhook_signature import parse_keys
from genesys.credentials import Credentials, load_credentials
from genesys.errors import CredentialsError
from infra.settings.settings import EXAMPLE_QUEUE_IDS
from ops import aws
from ops.doctor.checks import DENIED, Result, failed, ok, warning
from ops.doctor.deliveries import DELIVERIES
from ops.doctor.examination import Examination
from ops.errors import OpsError
from ops.stage_settings import load_settings
from ops.words import count_of

# The default qualifier of `cdk bootstrap` (see "Bootstrapping" in the AWS CDK Developer Guide).
_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
_BOOTSTRAP_STACK = "CDKToolkit"


def check_account(examination: Examination) -> Result:
    """Check that AWS accepts the operator's credentials."""
    try:
        examination.aws = aws.connect()
    except OpsError as error:
        fix = "Set AWS_PROFILE or log in, then try again."
        return failed(str(error).removesuffix(f" {fix}"), fix)
    return ok(str(examination.aws))


def check_bootstrap(examination: Examination) -> Result:
    """Check that the account and region are bootstrapped for the CDK."""
    account = examination.aws
    try:
        parameter = account.client("ssm").get_parameter(Name=_BOOTSTRAP_VERSION)["Parameter"]
        return ok(f"version {parameter['Value']}")
    except ClientError as error:
        if code_of(error) != "ParameterNotFound":
            raise
    try:
        account.client("cloudformation").describe_stacks(StackName=_BOOTSTRAP_STACK)
        return ok(f"the stack {_BOOTSTRAP_STACK} exists")
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
    return failed(
        f"{account} is not bootstrapped for the CDK",
        f"Run: node_modules/.bin/cdk bootstrap aws://{account.account}/{account.region}",
    )


def check_settings(examination: Examination) -> Result:
    """Check the stage's settings; all mistakes are shown."""
    try:
        settings, warnings = load_settings(examination.stage, examination.context)
    except OpsError as error:
        return failed(str(error), "Correct settings.toml; docs/settings.md lists all keys.")
    examination.settings = settings
    examination.delivery = DELIVERIES[settings.delivery]
    if set(settings.queue_ids) & set(EXAMPLE_QUEUE_IDS):
        warnings = ["queue_ids contains example ids", *warnings]
        fix = "Replace the example ids by those of your queues, and correct what else is named."
        return warning(
            "\n".join(warnings), fix if len(warnings) > 1 else fix.partition(",")[0] + "."
        )
    if warnings:
        return warning("\n".join(warnings), "Correct settings.toml if this is not intended.")
    queues = count_of(len(settings.queue_ids), "queue")
    return ok(f'valid; delivery = "{settings.delivery}", {queues}')


def check_genesys_secret(examination: Examination) -> Result:
    """Check that the secret with the OAuth client's credentials is there and well formed."""
    name = examination.settings.genesys_secret
    try:
        examination.credentials = read_credentials(examination, name)
    except CredentialsError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and code_of(cause) in DENIED:
            # The operator may not read the secret, but the functions may.
            raise cause from None
        return failed(
            str(error),
            f"Put the id and the secret into a file client.json, then run: aws secretsmanager "
            f"create-secret (or put-secret-value --secret-id {name}) --name {name} "
            "--secret-string file://client.json",
        )
    return ok(f"{name} is well formed")


def read_credentials(examination: Examination, name: str) -> Credentials:
    """Return the credentials in a secret; raise `CredentialsError` if the first attempt fails."""
    passed = Deadline(lambda: 0.0)
    return load_credentials(examination.aws.client("secretsmanager"), name, passed)


def check_webhook_secret(examination: Examination) -> Result | None:
    """Check the webhook's signing key, if the destination `webhook` is used."""
    settings = examination.settings
    if "webhook" not in settings.destinations or not settings.webhook_secret:
        return None
    name = settings.webhook_secret
    fix = "docs/deploy.md shows how to make the key and the secret (“The webhook's key”)."
    try:
        secret = examination.aws.client("secretsmanager").get_secret_value(SecretId=name)
        parse_keys(secret.get("SecretString", ""))
    except ClientError as error:
        if code_of(error) not in ("ResourceNotFoundException", "InvalidRequestException"):
            raise
        return failed(f"There is no secret {name!r} in this account and region", fix)
    except ValueError as error:
        return failed(f"Secret {name!r} cannot sign: {error}", fix)
    return ok(f"{name} is well formed")
