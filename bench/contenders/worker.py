"""Our worker: its handler as Lambda calls it, with an action that does nothing."""

from typing import Any

import aws_clients
from bench.world.invocation import Handler


def load_worker(client: Any | None = None) -> Handler:
    """Import the worker and return its handler.

    The worker reads its environment variables now, so that a process has one worker only.

    Parameters
    ----------
    client
        The client that the worker uses for every service, in the place of botocore's.
    """
    if client is not None:
        aws_clients.make_client = lambda *_, **__: client
    from destinations import actions  # noqa: PLC0415 - it imports the function that is replaced

    actions.on_conversation_end = lambda end: None
    from worker.handler import handler  # noqa: PLC0415 - as above

    return handler
