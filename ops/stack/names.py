"""The stack's queues and their names, from the worker's environment."""

from collections.abc import Mapping


def queue_ids(worker_variables: Mapping[str, str]) -> list[str]:
    """Return the ids of the stack's queues in Genesys Cloud."""
    return worker_variables["QUEUE_IDS"].split(",")


def queue_names(worker_variables: Mapping[str, str]) -> dict[str, str]:
    """Return the known names of the stack's queues, keyed by id."""
    ids, names = queue_ids(worker_variables), worker_variables.get("QUEUE_NAMES", "").split("\n")
    if len(ids) != len(names):
        return {}  # no name is known
    return {queue_id: name for queue_id, name in zip(ids, names, strict=True) if name.strip()}
