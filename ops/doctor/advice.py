"""Explains errors of requests to Genesys Cloud: what happened, and what to do."""

from genesys.errors import GenesysError, LoginRefused, Unreachable
from ops.doctor.examination import Examination

RATE_LIMIT = "Genesys Cloud allows each OAuth client 300 requests a minute"


def explain(error: GenesysError, examination: Examination) -> tuple[str, str]:
    """Return what an error means, and what to do about it; neither contains a secret."""
    settings = examination.settings
    match error:
        case LoginRefused():
            return (
                f"Genesys Cloud refuses the login at {settings.login_url}: {error}",
                f"Correct the client id and secret in the AWS secret {settings.genesys_secret}, "
                "or the setting genesys_environment: each region knows only its own OAuth "
                "clients. The client's grant type must be Client Credentials.",
            )
        case Unreachable():
            return (
                f"Genesys Cloud cannot be reached at {settings.login_url} and "
                f"{settings.api_url}: {error}",
                "Correct the setting genesys_environment (your org's domain), or check this "
                "machine's network and proxy. Then try again.",
            )
        case GenesysError(status=429):
            seconds = error.retry_after_seconds
            wait = f"Wait {seconds:g} s" if seconds else "Wait a minute"
            return (
                f"Genesys Cloud limits this OAuth client's requests (429): {error}",
                f"{wait}, then try again. {RATE_LIMIT}. If other programs use the same client, "
                "give Queue Ends a client of its own.",
            )
        case GenesysError(status=403):
            return (
                f"Genesys Cloud does not permit the OAuth client to do this (403): {error}",
                "Give the client's role the permissions in docs/genesys.md.",
            )
    return (
        f"Genesys Cloud gave an unexpected answer: {error}",
        "Try again. If it stays, give the correlation id to Genesys Cloud's support.",
    )
