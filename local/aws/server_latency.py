"""Makes MiniStack's answers wait, as long as those of AWS take through a network.

This module runs inside MiniStack.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-untyped]

READING_SECONDS = 0.1
"""How long a reading of the file holds."""
_dispatch = app._dispatch_service_request


def install(file: Path) -> None:
    """Make answers wait as a file says, which holds seconds by the prefix of `X-Amz-Target`.

    While there is no file, nothing waits.
    """
    latencies, read_at = dict[str, float](), 0.0

    async def dispatch(
        method: str, path: str, headers: Mapping[str, str], *request: Any
    ) -> tuple[Any, ...]:
        nonlocal latencies, read_at
        if time.monotonic() - read_at > READING_SECONDS:
            read_at = time.monotonic()
            latencies = json.loads(file.read_text()) if file.exists() else {}
        if latencies:
            prefix = headers.get("x-amz-target", "").partition(".")[0]
            await asyncio.sleep(latencies.get(prefix, 0))
        response: tuple[Any, ...] = await _dispatch(method, path, headers, *request)
        return response

    app._dispatch_service_request = dispatch
