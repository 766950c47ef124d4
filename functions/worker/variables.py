"""The worker's environment variables, which `infra/worker.py` sets."""

from environment import Variables


class WorkerVariables(Variables, frozen=True):
    """The worker's variables, except the destinations' variables, which the destinations read."""

    stage: str
    queue_ids: str
    queue_url: str
    dead_letter_queue_url: str
    retry_delay_seconds: int
    ledger_table: str
    ledger_days: int
    delivery: str = "subscription"
    end_rule: str = "touched"
    settle_seconds: int = 0
