"""The room in the worker's environment: for settings of any length, and for the queues' names."""

from .settings import Settings

# Lambda limits a function's environment variables to 4 KB. The worker's other variables leave this
# many characters for queue_ids, webhook_url, webhook_secret and the names of the queues together.
MAX_WORKER_ENVIRONMENT_CHARACTERS = 3_120
# If one of these destinations is not configured, its variables are absent from the worker's
# environment, which frees this many characters.
_CHARACTERS_FREED_WITHOUT = {"webhook": 65, "archive": 80}
# The variables that only the details need take this many characters, without the URLs and the name
# of the secret.
CHARACTERS_OF_DETAILS = 170
# The length of a function's variable PRIVATE_NETWORK, which is there with a private network.
CHARACTERS_OF_PRIVATE_NETWORK = 25


def characters_taken(settings: Settings) -> int:
    """Return the length of the settings that can be long."""
    values = [",".join(settings.queue_ids), settings.webhook_url, settings.webhook_secret]
    if settings.details == "none":
        return sum(len(value or "") for value in values)
    values += [settings.login_url, settings.api_url, settings.genesys_secret]
    return CHARACTERS_OF_DETAILS + sum(len(value or "") for value in values)


def characters_available(settings: Settings) -> int:
    """Return the number of characters that the worker's other variables leave."""
    freed = sum(
        characters
        for destination, characters in _CHARACTERS_FREED_WITHOUT.items()
        if destination not in settings.destinations
    )
    return MAX_WORKER_ENVIRONMENT_CHARACTERS + freed - network_characters(settings)


def network_characters(settings: Settings) -> int:
    """Return the characters that the private network takes of each function's environment."""
    return CHARACTERS_OF_PRIVATE_NETWORK if settings.vpc_subnet_ids else 0


def room_for_queue_names(settings: Settings) -> int:
    """Return the number of characters that are left for the names of the queues."""
    return max(0, characters_available(settings) - characters_taken(settings))
