"""Permissions to read secrets. The settings name the secrets; the stack does not create them."""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from ..settings.settings import Settings
from .requirements import Requirements


def secret_read_statement(scope: Construct, sid: str, secret_name: str) -> iam.PolicyStatement:
    """Return the policy statement that lets a function read one secret."""
    arn = Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        # Secrets Manager appends a hyphen and six random characters to the name.
        resource_name=f"{secret_name}-??????",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return iam.PolicyStatement(sid=sid, actions=["secretsmanager:GetSecretValue"], resources=[arn])


def genesys_secret_requirements(scope: Construct, settings: Settings) -> Requirements:
    """Return the permission that a function needs to log in to Genesys Cloud."""
    statement = secret_read_statement(scope, "ReadGenesysCredentials", settings.genesys_secret)
    return Requirements(statements=[statement])
