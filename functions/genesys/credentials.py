"""The OAuth client's id and secret, from Secrets Manager."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from aws_calls import NEW_ROLE_SECONDS, client_config, code_of, describe
from deadline import Deadline
from genesys.errors import CredentialsError
from secret_key import explain_kms_refusal, is_refused_by_kms

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRETS_MANAGER_CONFIG = client_config(read_timeout_seconds=5, max_attempts=3)
EXPECTED_JSON = '{"client_id": "…", "client_secret": "…"}'


@dataclass(frozen=True, slots=True)
class Credentials:
    """An OAuth client's id and secret; the repr hides the secret."""

    client_id: str
    client_secret: str = field(repr=False)


def load_credentials(
    secrets_manager: "SecretsManagerClient", secret_name: str, deadline: Deadline
) -> Credentials:
    """Return the credentials in a secret.

    Parameters
    ----------
    secret_name
        The secret must hold a JSON object with `client_id` and `client_secret`.
    deadline
        While AWS denies access, the read is retried until this deadline, but for at most
        `NEW_ROLE_SECONDS`.

    Raises
    ------
    CredentialsError
        The secret cannot be read or is invalid. The message says what to do.
    """
    last_error: ClientError  # assigned in the loop, which makes at least one attempt
    for _ in deadline.within(NEW_ROLE_SECONDS).attempts(first_pause_seconds=2, growth_factor=1):
        try:
            response = secrets_manager.get_secret_value(SecretId=secret_name)
            return _parse_credentials(secret_name, response.get("SecretString"))
        except ClientError as error:
            last_error = error
            if code_of(error) != "AccessDeniedException":
                break
        except BotoCoreError as error:
            raise CredentialsError(
                f"Secrets Manager could not be asked for secret {secret_name!r} "
                f"({describe(error, 'Secrets Manager')}). Try again."
            ) from error
    raise CredentialsError(_explain_unreadable_secret(secret_name, last_error)) from last_error


def _explain_unreadable_secret(name: str, error: ClientError) -> str:
    error_code = code_of(error)
    if is_refused_by_kms(error):
        return explain_kms_refusal(name)
    if error_code == "ResourceNotFoundException":
        return (
            f"There is no secret {name!r} in this account and region. Create it with the string "
            f"{EXPECTED_JSON}, or name another secret in the setting genesys_secret."
        )
    if error_code == "InvalidRequestException":
        return f"Secret {name!r} is marked for deletion. Restore it, or name another secret."
    return (
        f"Secret {name!r} could not be read ({error_code}). Check its resource policy, and that it "
        "is encrypted with the AWS managed key or with the key in the setting secret_kms_key_arn."
    )


def _parse_credentials(name: str, secret_string: str | None) -> Credentials:
    # The JSON decoder's error holds the secret, so `from None` drops that error.
    try:
        secret = json.loads(secret_string or "")
    except (ValueError, RecursionError):
        raise CredentialsError(f"Secret {name!r} is not JSON; expected {EXPECTED_JSON}.") from None
    if not isinstance(secret, dict):
        raise CredentialsError(f"Secret {name!r} is not a JSON object; expected {EXPECTED_JSON}.")
    invalid_keys = [
        key
        for key in ("client_id", "client_secret")
        if not isinstance(secret.get(key), str)
        or not secret[key].strip()
        or not secret[key].strip().isprintable()
    ]
    if invalid_keys:
        raise CredentialsError(
            f"Secret {name!r} has no valid {' and '.join(invalid_keys)}; expected {EXPECTED_JSON}."
        )
    return Credentials(secret["client_id"].strip(), secret["client_secret"].strip())
