"""The watchdog in a run, which invokes it instead of its schedule of five minutes."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.aws.emulator import Emulator
from local.aws.project import find_function_name
from local.polling import polls

TIMEOUT_SECONDS = 300.0
"""More than the watchdog's time limit."""


class Watchdog:
    """The watchdog of a deployed stack."""

    def __init__(self, aws: Emulator, stack_name: str) -> None:
        self._lambda = aws.client("lambda", read_timeout=TIMEOUT_SECONDS)
        self._name = find_function_name(aws, stack_name, "Watchdog")

    def run(self, meanwhile: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """Invoke the watchdog and return its result; the description of the error if it failed.

        Until it is done, `meanwhile` is called again and again. If its schedule has just invoked
        it, that run comes first.
        """
        result: dict[str, Any] = {}
        for _ in polls(TIMEOUT_SECONDS, interval=2):
            result = self._invoke(meanwhile)
            if "skipped" not in result:
                break
            meanwhile()
        return result

    def _invoke(self, meanwhile: Callable[[], object]) -> dict[str, Any]:
        with ThreadPoolExecutor(1) as executor:
            future = executor.submit(self._lambda.invoke, FunctionName=self._name)
            for _ in polls(TIMEOUT_SECONDS, interval=0.2):
                if future.done():
                    break
                meanwhile()
            result: dict[str, Any] = json.loads(future.result()["Payload"].read())
        return result
