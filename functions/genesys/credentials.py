"""The OAuth client's id and secret, from Secrets Manager."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import client_config, code_of
from deadline import Deadline
from genesys.errors import CredentialsError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRETS_MANAGER_CONFIG = client_config(read_timeout_seconds=5, attempts=3)
EXPECTED = '{"client_id": "…", "client_secret": "…"}'


@dataclass(frozen=True, slots=True)
class Credentials:
    """An OAuth client's id and secret; the repr hides the secret."""

    client_id: str
    client_secret: str = field(repr=False)


def load_credentials(secrets: "SecretsManagerClient", name: str, deadline: Deadline) -> Credentials:
    """Return the credentials in a secret.

    Parameters
    ----------
    secrets
        A Secrets Manager client.
    name
        The secret's name. The secret must hold a JSON object with `client_id` and `client_secret`.
    deadline
        Until this deadline, but for at most 20 s, the read is retried if AWS denies access: a new
        role's permissions take some seconds to apply everywhere in AWS.

    Raises
    ------
    CredentialsError
        The secret cannot be read or is invalid. The message says what to do.
    """
    refusal: ClientError
    for _ in deadline.within(20).attempts(first_pause_seconds=2, growth=1):
        try:
            response = secrets.get_secret_value(SecretId=name)
            return _parse_credentials(name, response.get("SecretString"))
        except ClientError as error:
            refusal = error
            if code_of(error) != "AccessDeniedException":
                break
        except BotoCoreError as error:
            raise CredentialsError(
                f"Secrets Manager could not be asked for secret {name!r} "
                f"({type(error).__name__}). Try again."
            ) from error
    raise CredentialsError(_unreadable_reason(name, code_of(refusal))) from refusal


def _unreadable_reason(name: str, code: str) -> str:
    if code == "ResourceNotFoundException":
        return (
            f"There is no secret {name!r} in this account and region. Create it with the string "
            f"{EXPECTED}, or name another one in the setting genesys_secret."
        )
    if code == "InvalidRequestException":
        return f"Secret {name!r} is marked for deletion. Restore it, or name another one."
    return (
        f"Secret {name!r} could not be read ({code}). Check its resource policy, and that it is "
        "encrypted with the AWS managed key or one that this function may use."
    )


def _parse_credentials(name: str, secret_string: str | None) -> Credentials:
    # The JSON decoder's error holds the secret, so `from None` drops that error.
    try:
        secret = json.loads(secret_string or "")
    except (ValueError, RecursionError):
        raise CredentialsError(f"Secret {name!r} is not JSON; expected {EXPECTED}.") from None
    if not isinstance(secret, dict):
        raise CredentialsError(f"Secret {name!r} is not a JSON object; expected {EXPECTED}.")
    invalid = [
        key
        for key in ("client_id", "client_secret")
        if not isinstance(secret.get(key), str)
        or not secret[key].strip()
        or not secret[key].strip().isprintable()
    ]
    if invalid:
        raise CredentialsError(
            f"Secret {name!r} lacks {' and '.join(invalid)} (or it is no text); "
            f"expected {EXPECTED}."
        )
    return Credentials(secret["client_id"].strip(), secret["client_secret"].strip())
