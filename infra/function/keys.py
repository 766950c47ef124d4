"""KMS keys: the user's key for what the stack makes, and permissions to use keys."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ..settings.settings import Settings
from .requirements import Requirements

# The actions on an encrypted resource, and what they need of its key. A queue's sender also checks
# the data key that it got. DynamoDB decrypts the table's key in the caller's name for reads and
# for writes. Sources: "Amazon SQS key management"; "DynamoDB encryption at rest usage notes".
_QUEUE_KEY_ACTIONS = {
    "sqs:ReceiveMessage": ["kms:Decrypt"],
    "sqs:SendMessage": ["kms:Decrypt", "kms:GenerateDataKey"],
}
_SECRET_READ_ACTION = "secretsmanager:GetSecretValue"  # noqa: S105 (an action)


def stack_key(scope: Construct, settings: Settings) -> kms.IKey | None:
    """Return the key of the setting `kms_key_arn`; None if keys of AWS encrypt the resources."""
    if settings.kms_key_arn is None:
        return None
    return kms.Key.from_key_arn(scope, "Key", settings.kms_key_arn)


def key_requirements(
    scope: Construct, settings: Settings, statements: Sequence[iam.PolicyStatement]
) -> Requirements:
    """Return the permissions to use the keys of the resources that a role's statements allow.

    They follow from the statements, so that a new permission to use a queue, the table or a secret
    cannot lack the permission to use the key.
    """
    key_statements: list[iam.PolicyStatement] = []
    findings: dict[str, str] = {}
    actions = {action for statement in statements for action in statement.actions}
    if settings.kms_key_arn:
        queue_key_actions = {
            key_action
            for action in actions & _QUEUE_KEY_ACTIONS.keys()
            for key_action in _QUEUE_KEY_ACTIONS[action]
        }
        if queue_key_actions:
            key_statements.append(
                key_statement(
                    scope, "UseKeyOfQueues", settings.kms_key_arn, "sqs", queue_key_actions
                )
            )
        if any(action.startswith("dynamodb:") for action in actions):
            key_statements.append(
                key_statement(
                    scope, "UseKeyOfLedger", settings.kms_key_arn, "dynamodb", {"kms:Decrypt"}
                )
            )
    secret_arns = [
        arn
        for statement in statements
        if _SECRET_READ_ACTION in statement.actions
        for arn in statement.resources
    ]
    if settings.secret_kms_key_arn and secret_arns:
        key_statements.append(
            key_statement(
                scope,
                "UseKeyOfSecrets",
                settings.secret_kms_key_arn,
                "secretsmanager",
                {"kms:Decrypt"},
                # Secrets Manager passes the secret's ARN with every request (see "Encryption
                # context" in "Secret encryption and decryption in AWS Secrets Manager").
                like={"kms:EncryptionContext:SecretARN": secret_arns},
            )
        )
        findings = _alias_findings(settings.secret_kms_key_arn)
    return Requirements(statements=key_statements, accepted_findings=findings)


def key_statement(
    scope: Construct,
    sid: str,
    key: str,
    service: str,
    actions: set[str],
    *,
    equals: Mapping[str, str] | None = None,
    like: Mapping[str, Sequence[str]] | None = None,
) -> iam.PolicyStatement:
    """Return the permission to use a key, but only through one AWS service.

    Parameters
    ----------
    key
        The key's ARN, the ARN of an alias, or an alias.
    service
        The service's name in hosts, such as `sqs`.
    equals, like
        More conditions, keyed by condition key.
    """
    stack = Stack.of(scope)
    # In the China regions, the suffix of the service's name is unverified: it may be one of these.
    services = [
        f"{service}.{stack.region}.{suffix}" for suffix in ("amazonaws.com", stack.url_suffix)
    ]
    _, _, alias = key.partition("alias/")
    # A policy cannot name a key by its alias, only demand that the key has the alias.
    of_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{alias}"}}
    return iam.PolicyStatement(
        sid=sid,
        actions=sorted(actions),
        resources=[_any_key_beside(stack, key) if alias else key],
        conditions={
            "StringEquals": {"kms:ViaService": services, **(equals or {})},
            **(of_alias if alias else {}),
            **({"StringLike": like} if like else {}),
        },
    )


def _any_key_beside(stack: Stack, alias: str) -> str:
    """Return the pattern of the keys in an alias' account and region."""
    prefix, _, _ = alias.rpartition("alias/")
    if prefix:
        return f"{prefix}key/*"
    return stack.format_arn(
        service="kms",
        resource="key",
        resource_name="*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )


def _alias_findings(key: str) -> dict[str, str]:
    """Return the reason to accept cdk-nag's finding on a key that is named by its alias."""
    if "alias/" not in key:
        return {}
    prefix, _, _ = key.rpartition("alias/")
    prefix = prefix or "arn:<AWS::Partition>:kms:<AWS::Region>:<AWS::AccountId>:"
    reason = "A policy cannot name a key by its alias; a condition demands that the key has it."
    return {f"AwsSolutions-IAM5[Resource::{prefix}key/*]": reason}
