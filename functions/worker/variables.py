"""The worker's environment variables, which `infra/worker.py` sets."""

from environment import Variables


class WorkerVariables(Variables, frozen=True):
    """The variables that the worker itself reads. Each destination reads its own variables."""

    stage: str
    queue_ids: str  # separated by commas
    queue_url: str
    dead_letter_queue_url: str
    retry_delay_seconds: int
    ledger_table: str
    ledger_days: int
    delivery: str = "subscription"
    # A line for each of `queue_ids`, in the same order; blank if no name is known.
    queue_names: str = ""
    # These two are set only for the delivery `eventbridge`.
    end_rule: str = "touched"
    settle_seconds: int = 0
    # These are set only if the setting `details` is `analytics`.
    details: str = "none"
    details_wait_seconds: int = 60
    details_attempts: int = 3
    details_personal: bool = False
    genesys_login_url: str = ""
    genesys_api_url: str = ""
    genesys_secret: str = ""


def queue_names_by_id(queue_ids: str, queue_names: str) -> dict[str, str]:
    """Return the known names of the queues, keyed by id.

    Parameters
    ----------
    queue_ids, queue_names
        The variables `QUEUE_IDS`, separated by commas, and `QUEUE_NAMES`, a line for each id.
    """
    ids, names = queue_ids.split(","), queue_names.split("\n")
    if len(ids) != len(names):
        return {}  # no name is known
    return {queue_id: name for queue_id, name in zip(ids, names, strict=True) if name.strip()}
