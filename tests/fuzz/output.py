"""A function's output, which checks read line by line."""

import io
import json
import logging
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from tests.fakes.aws.cloudwatch import metrics_of
from tests.fuzz.target import Finding, check, is_clean


class Output:
    """The standard output and standard error of a function, in UTF-8 as Lambda takes them."""

    def __init__(self) -> None:
        self._bytes = {name: io.BytesIO() for name in ("stdout", "stderr")}
        self.stdout, self.stderr = (
            io.TextIOWrapper(each, encoding="utf-8", write_through=True)
            for each in self._bytes.values()
        )

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the output of the enclosed code, that of loggers that exist already, too."""
        former = sys.stdout, sys.stderr
        handlers = [
            handler
            for logger in [*logging.Logger.manager.loggerDict.values()]
            if isinstance(logger, logging.Logger)
            for handler in logger.handlers
            if isinstance(handler, logging.StreamHandler)
            and not type(handler).__module__.startswith("_pytest")
        ]
        streams = [handler.stream for handler in handlers]
        sys.stdout, sys.stderr = self.stdout, self.stderr
        for handler in handlers:
            handler.stream = self.stdout
        try:
            yield
        finally:
            sys.stdout, sys.stderr = former
            for handler, stream in zip(handlers, streams, strict=True):
                handler.stream = stream

    def clear(self) -> None:
        """Forget the output so far."""
        for stream in self._bytes.values():
            stream.seek(0)
            stream.truncate()

    def checked_lines(self, secrets: Collection[str]) -> list[dict[str, object]]:
        """Return the log lines, after a look at them and at the metrics.

        Raises
        ------
        Finding
            A line is no JSON, is not one line, or holds a secret; metrics are invalid; or there is
            output on standard error, such as that of a line that could not be logged.
        """
        errors = self._bytes["stderr"].getvalue().decode()
        check(not errors, "output on stderr", errors)
        text = self._bytes["stdout"].getvalue().decode()
        # Only "\n" ends a line of a log.
        raw_lines = [line for line in text.split("\n") if line]
        lines = []
        for raw in raw_lines:
            check(is_clean(raw), "a log line is not clean", ascii(raw))
            try:
                line = json.loads(raw)
            except ValueError:
                raise Finding("a log line is no JSON", ascii(raw)) from None
            check(isinstance(line, dict), "a log line is no object", raw)
            lines.append(line)
        found = [secret for secret in secrets if secret in text]
        check(not found, "a secret in the output", found)
        metrics_of("\n".join(raw for raw in raw_lines if raw.startswith('{"_aws"')))
        return [line for line in lines if "_aws" not in line]


@contextmanager
def silent() -> Iterator[None]:
    """Drop the output of the enclosed code, which each target takes for itself."""
    with Output().taken():
        yield
