"""Permission to read a secret that is made outside of the stack and known by its name."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.function import Needs
from infra.settings.settings import Settings


def reads_secret(scope: Construct, sid: str, name: str) -> iam.PolicyStatement:
    """Return the statement that lets a function of this scope read one secret."""
    arn = Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        # Secrets Manager ends the ARN with a hyphen and six characters of its own.
        resource_name=f"{name}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.PolicyStatement(sid=sid, actions=["secretsmanager:GetSecretValue"], resources=[arn])


def reads_genesys_secret(scope: Construct, settings: Settings) -> Needs:
    """Return what a function of this scope needs to log in to Genesys Cloud."""
    credentials = reads_secret(scope, "ReadGenesysCredentials", settings.genesys_secret)
    return Needs(statements=[credentials])
