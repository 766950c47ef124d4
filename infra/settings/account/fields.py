"""The fields of `Settings` that fit a stack to the AWS account and region."""

from dataclasses import dataclass
from typing import Annotated

from ..checks import OneOf
from ..key import Example
from . import checks

Strings = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """The settings about the AWS account; `Settings` says how a field declares a key."""

    # AWS account:
    secret_kms_key_arn: Annotated[
        str | None, checks.key_arn_or_alias, Example("alias/queue-ends-secrets")
    ] = None
    """Your KMS key that encrypts the secrets genesys_secret and webhook_secret: the ARN of the key
    or of its alias, or the alias. Set it if a secret is not encrypted with the key that AWS manages
    for Secrets Manager (docs/keys.md)."""
    kms_key_arn: Annotated[
        str | None,
        checks.key_arn,
        Example("arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"),
    ] = None
    """ARN of your KMS key that encrypts the queues, the ledger, the logs, the alarms' SNS topic and
    the archives. If absent, keys of AWS encrypt them at no cost. The key's policy must admit every
    service that uses the key, before you deploy (docs/keys.md)."""
    vpc_subnet_ids: Annotated[
        Strings,
        checks.subnet_ids,
        Example(("subnet-0a1b2c3d4e5f60718", "subnet-1b2c3d4e5f6071829")),
    ] = ()
    """Ids of the private subnets that the functions run in, if they must reach your private
    network. From there they need a way to Genesys Cloud and to AWS (docs/network.md)."""
    vpc_security_group_ids: Annotated[
        Strings, checks.security_group_ids, Example(("sg-0a1b2c3d4e5f60718",))
    ] = ()
    """Ids of the security groups of the functions in vpc_subnet_ids."""
    role_path: Annotated[str | None, checks.role_path, Example("/queue-ends/")] = None
    """Path of the IAM roles, if your account allows only certain paths. A change replaces the
    roles."""
    role_prefix: Annotated[str | None, checks.role_prefix, Example("acme-")] = None
    """Prefix of the IAM roles' names, if your account allows only certain names. A change replaces
    the roles."""
    tags: Annotated[Pairs, checks.tags, Example({"team": "contact-centre"})] = ()
    """Tags of all resources, besides project and stage. On the command line, write
    -c tags=team=contact-centre,cost-centre=4711."""

    # Code:
    actions_path: Annotated[str, Example("../our-actions")] = "functions/destinations"
    """Folder that contains your actions.py, relative to settings.toml. Your code can thus live
    outside of this repository (docs/actions.md)."""
    architecture: Annotated[str, OneOf("arm64", "x86_64")] = "arm64"
    """Processor of the functions: "arm64", or "x86_64" in a region that has no "arm64"."""
    python_version: Annotated[str, OneOf("3.11", "3.12", "3.13", "3.14")] = "3.14"
    """Python version of the functions. Set "3.13", "3.12" or "3.11" in a region that has no "3.14"
    yet."""
    packaging: Annotated[str, OneOf("lambda", "host")] = "lambda"
    """Where the functions will run: "lambda" for AWS, or "host" for an AWS emulator on this
    machine."""
