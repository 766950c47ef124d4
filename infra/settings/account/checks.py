"""Checks of single settings about the AWS account; they work like those in `settings/checks.py`."""

import re
from collections.abc import Mapping, Sequence

# Queue Ends tags every resource with these keys itself.
OWN_TAG_KEYS = ("project", "stage")
# AWS allows 50 tags on a resource (see "Tag naming limits and requirements" in "Tagging AWS
# Resources and Tag Editor").
_MAX_TAGS = 50 - len(OWN_TAG_KEYS)
_TAG_CHARACTERS = r"[\w .:/=+@-]"
_KEY_ARN = re.compile(r"arn:[a-z-]+:kms:([a-z0-9-]+):[0-9]{12}:key/[A-Za-z0-9-]+")
_ALIAS = re.compile(r"(arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:)?alias/[A-Za-z0-9/_-]{1,250}")
# An alias with this prefix belongs to a key that AWS manages.
_AWS_ALIAS_PREFIX = "alias/aws/"
_ROLE_PATH = re.compile(r"/([A-Za-z0-9_+=,.@-]+/)+")
_ROLE_PREFIX = re.compile(r"[A-Za-z0-9_+=,.@-]{1,20}")


def subnet_ids(value: Sequence[object]) -> tuple[str, ...]:
    """Check the ids of subnets; an empty list is allowed."""
    return _check_ids(value, "subnet-", limit=16)


def security_group_ids(value: Sequence[object]) -> tuple[str, ...]:
    """Check the ids of security groups; an empty list is allowed."""
    return _check_ids(value, "sg-", limit=5)


def _check_ids(value: Sequence[object], prefix: str, *, limit: int) -> tuple[str, ...]:
    """Check ids of one kind; `limit` is what Lambda allows for a function."""
    ids = [str(item).strip() for item in value]
    invalid = [item for item in ids if not re.fullmatch(rf"{prefix}[0-9a-f]{{8,17}}", item)]
    if invalid:
        example = f"{prefix}0a1b2c3d4e5f60718"
        raise ValueError(f"must be ids such as {example}; invalid: {', '.join(map(repr, invalid))}")
    if len(set(ids)) < len(ids):
        raise ValueError("must not repeat an id")
    if len(ids) > limit:
        raise ValueError(f"must have {limit} ids or fewer; it has {len(ids)}")
    return tuple(ids)


def key_arn(value: str) -> str:
    """Check the ARN of a customer-managed KMS key; an alias is not enough."""
    if not _KEY_ARN.fullmatch(value):
        raise ValueError(
            "must be the ARN of a KMS key, such as arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d-"
            "…; an alias does not do, because services in other accounts cannot find a key by it"
        )
    return value


def key_arn_or_alias(value: str) -> str:
    """Check the ARN of a customer-managed KMS key, or of its alias, or the alias alone."""
    if _AWS_ALIAS_PREFIX in value:
        raise ValueError(
            "is a key that AWS manages, which needs no permission: remove the setting, or name a "
            "key of your own"
        )
    if not (_KEY_ARN.fullmatch(value) or _ALIAS.fullmatch(value)):
        raise ValueError(
            "must be the ARN of a KMS key or of its alias, or an alias such as alias/secrets"
        )
    return value


def region_of_arn(arn: str) -> str | None:
    """Return the region in an ARN; None for an alias without an ARN."""
    parts = arn.split(":")
    return parts[3] if len(parts) > 3 else None


def role_path(value: str) -> str:
    """Check the path of the IAM roles."""
    if not _ROLE_PATH.fullmatch(value) or len(value) > 512:
        raise ValueError(
            "must begin and end with a slash, such as /queue-ends/, with letters, digits or "
            "_ + = , . @ - between, in 512 characters or fewer"
        )
    return value


def role_prefix(value: str) -> str:
    """Check the prefix of the IAM roles' names."""
    if not _ROLE_PREFIX.fullmatch(value):
        raise ValueError("must be 1 to 20 letters, digits or _ + = , . @ -")
    return value


def tags(value: Mapping[object, object]) -> tuple[tuple[str, str], ...]:
    """Check tags, and return their keys and values as pairs."""
    pairs = []
    for raw_key, raw_text in value.items():
        if not isinstance(raw_text, str):
            raise ValueError(f"must have texts in quotes as values; {raw_key} has none")
        key, text = str(raw_key).strip(), raw_text.strip()
        if not re.fullmatch(f"{_TAG_CHARACTERS}{{1,128}}", key):
            raise ValueError(
                f"{key!r} is no tag's key: 1 to 128 letters, digits, spaces or _ . : / = + - @"
            )
        if not re.fullmatch(f"{_TAG_CHARACTERS}{{0,256}}", text):
            raise ValueError(
                f"{key} has no tag's value: up to 256 letters, digits, spaces or _ . : / = + - @"
            )
        if key.lower().startswith("aws:"):
            raise ValueError(f"{key!r} is reserved: AWS sets the tags that begin with aws:")
        if key.lower() in OWN_TAG_KEYS:
            raise ValueError(f"{key!r} is reserved: Queue Ends sets this tag itself")
        pairs.append((key, text))
    if len({key.lower() for key, _ in pairs}) < len(pairs):
        raise ValueError("must not have keys that differ only in their case: IAM takes one of them")
    if len(pairs) > _MAX_TAGS:
        raise ValueError(f"must have {_MAX_TAGS} tags or fewer; it has {len(pairs)}")
    return tuple(pairs)
