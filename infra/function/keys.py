"""KMS keys: the user's key for what the stack makes, and permissions to use keys."""

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from ..findings import wildcard_finding
from ..settings.settings import Settings
from .requirements import Requirements

# What an action on an encrypted queue needs of the key. A sender also checks the data key that it
# got (see "Key management" in the Amazon SQS Developer Guide).
_KEY_ACTIONS = {
    "sqs:ReceiveMessage": {"kms:Decrypt"},
    "sqs:SendMessage": {"kms:Decrypt", "kms:GenerateDataKey"},
}
# DynamoDB decrypts the table's key in the caller's name, for reads and for writes (see "DynamoDB
# encryption at rest usage notes").
_TABLE_KEY_ACTIONS = {"kms:Decrypt"}
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
    actions = {action for statement in statements for action in statement.actions}
    on_queues = {each for action in actions for each in _KEY_ACTIONS.get(action, ())}
    uses_table = any(action.startswith("dynamodb:") for action in actions)
    key_statements = [
        key_statement(scope, sid, settings.kms_key_arn, service, key_actions)
        for sid, service, key_actions in (
            ("UseKeyOfQueues", "sqs", on_queues),
            ("UseKeyOfLedger", "dynamodb", _TABLE_KEY_ACTIONS if uses_table else set()),
        )
        if settings.kms_key_arn and key_actions
    ]
    secret_arns = [
        arn
        for statement in statements
        if _SECRET_READ_ACTION in statement.actions
        for arn in statement.resources
    ]
    secret_key = settings.secret_kms_key_arn
    if secret_key is None or not secret_arns:
        return Requirements(statements=key_statements)
    # Secrets Manager passes the secret's ARN with every request (see "Secret encryption and
    # decryption in AWS Secrets Manager").
    context = {"kms:EncryptionContext:SecretARN": secret_arns}
    secret_key_statement = key_statement(
        scope, "UseKeyOfSecrets", secret_key, "secretsmanager", {"kms:Decrypt"}, like=context
    )
    # An alias stands for any key; for a key's own ARN there is no finding.
    reason = "A policy cannot name a key by its alias; a condition demands that the key has it."
    findings = {wildcard_finding(scope, arn): reason for arn in secret_key_statement.resources}
    return Requirements(
        statements=[*key_statements, secret_key_statement], accepted_findings=findings
    )


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
    prefix, of_alias, alias = key.partition("alias/")
    conditions: dict[str, object] = {"StringEquals": {"kms:ViaService": services, **(equals or {})}}
    if of_alias:
        # A policy cannot name a key by its alias, only demand that the key has the alias.
        conditions["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": f"alias/{alias}"}
    if like:
        conditions["StringLike"] = like
    return iam.PolicyStatement(
        sid=sid,
        actions=sorted(actions),
        resources=[_any_key(stack, prefix) if of_alias else key],
        conditions=conditions,
    )


def _any_key(stack: Stack, prefix: str) -> str:
    """Return the pattern of all keys in the account and region of an alias.

    Parameters
    ----------
    prefix
        What comes before the alias in its ARN; empty if it is an alias of the stack's own account.
    """
    if prefix:
        return f"{prefix}key/*"
    return stack.format_arn(
        service="kms",
        resource="key",
        resource_name="*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
