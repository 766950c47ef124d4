"""The stack's queues and their names, from the worker's environment."""

from collections.abc import Mapping

from worker.variables import queue_names_by_id


def queue_ids(worker_variables: Mapping[str, str]) -> list[str]:
    """Return the ids of the stack's queues in Genesys Cloud."""
    return worker_variables["QUEUE_IDS"].split(",")


def queue_names(worker_variables: Mapping[str, str]) -> dict[str, str]:
    """Return the known names of the stack's queues, keyed by id."""
    names = worker_variables.get("QUEUE_NAMES", "")
    return queue_names_by_id(worker_variables["QUEUE_IDS"], names)
