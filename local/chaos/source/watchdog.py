"""The watchdog in a chaos run, which invokes it instead of its schedule of five minutes."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.aws.project import find_function_name
from local.polling import polls
from local.runs.world import World

TIMEOUT_SECONDS = 300.0
"""More than the watchdog's time limit."""


class Watchdog:
    """The watchdog of the deployed stack."""

    def __init__(self, world: World) -> None:
        self._lambda = world.aws.client("lambda", read_timeout=TIMEOUT_SECONDS)
        self._name = find_function_name(world.aws, world.stack_name, "Watchdog")

    def run(self, meanwhile: Callable[[], object]) -> dict[str, Any]:
        """Invoke the watchdog and return its result; empty if the run failed.

        Until it is done, `meanwhile` is called again and again. If its schedule has just invoked
        it, that run comes first.
        """
        for _ in polls(TIMEOUT_SECONDS, interval=2):
            result = self._invoke(meanwhile)
            if "skipped" not in result:
                return result
            meanwhile()
        return {}

    def _invoke(self, meanwhile: Callable[[], object]) -> dict[str, Any]:
        with ThreadPoolExecutor(1) as executor:
            future = executor.submit(self._lambda.invoke, FunctionName=self._name)
            for _ in polls(TIMEOUT_SECONDS, interval=0.2):
                if future.done():
                    break
                meanwhile()
            answer = future.result()
        result = json.loads(answer["Payload"].read())
        return {} if "FunctionError" in answer or not isinstance(result, dict) else result
