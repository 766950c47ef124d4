"""JSON loggers at the level of the setting `log_level`.

Every line is valid JSON of printable characters, and is written whatever the logged values are.
"""

import json
import logging
import os
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from json_text import replace_half_pairs

# At DEBUG, botocore would log requests and responses with their secrets. At WARNING, urllib3 would
# log the URLs of retried requests, such as CloudFormation's response URL. With that URL, anyone
# could respond in the provisioner's place.
for library in ("boto3", "botocore", "requests", "urllib3"):
    logging.getLogger(library).setLevel(logging.ERROR)

# The serialiser that Powertools uses by default, but made only once, and without NaN and Infinity,
# which are not JSON.
_encode_any = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
).encode
_SIMPLE_TYPES = {str, int, bool}

_loggers_by_service: dict[str, Logger] = {}


class Invocation(Protocol):
    """The part of Lambda's context object that identifies the invocation."""

    @property
    def aws_request_id(self) -> str: ...


def json_logger(service: str) -> Logger:
    """Create a logger whose lines have the field `service`, for example `actions`."""
    # Location and trace id are left out. They would make up a third of each line, and help nobody.
    formatter = _Formatter(
        use_rfc3339=True,
        json_deserializer=_decode,
        location=None,
        xray_trace_id=None,
        service=service,
    )
    logger = Logger(service=service, logger_formatter=formatter)
    # Without this call, Powertools would use the level of Lambda's own log filter, which is
    # INFO even if the setting is WARNING or higher (see `infra/function/function.py`).
    logging.getLogger(service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    _loggers_by_service[service] = logger
    return logger


class _Formatter(LambdaPowertoolsFormatter):
    """Formats records as JSON. If that fails, the line has the message without its arguments."""

    def format(self, record: logging.LogRecord) -> str:
        try:
            return super().format(record)
        except Exception as error:  # noqa: BLE001 - whatever the record contains, its line is written
            keys = {name: self.log_format.get(name) for name in ("service", "function_request_id")}
            return _encode({**_reduced_line(record, error), **keys})

    def serialize(self, log: Any) -> str:
        return _encode(log)


class _PrintableFormatter(logging.Formatter):
    """Makes the lines of a handler's formatter printable, and replaces a line that it fails on."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._formatter = handler.formatter or logging.Formatter()
        # Other handlers than these, such as Lambda's, leave the end of a line to the formatter.
        self._terminator = "" if isinstance(handler, logging.StreamHandler) else "\n"

    def format(self, record: logging.LogRecord) -> str:
        try:
            text = self._formatter.format(record)
        except Exception as error:  # noqa: BLE001 - whatever the record contains, its line is written
            text = _encode(_reduced_line(record, error)) + self._terminator
        return _make_printable(_without_constants(text), kept="\n\t")


def guard_standard_logging() -> None:
    """Make the lines of the root logger's handlers printable, so that none is lost.

    In Lambda, these are the lines of `logging.getLogger(...)`, which the user's action may call.
    """
    for handler in logging.getLogger().handlers:
        is_of_pytest = type(handler).__module__.startswith("_pytest")
        if not is_of_pytest and not isinstance(handler.formatter, _PrintableFormatter):
            handler.setFormatter(_PrintableFormatter(handler))


guard_standard_logging()


def _encode(line: dict[str, Any]) -> str:
    """Return a line as JSON text of printable characters; never raise.

    The text is that of Powertools' own serialiser, except that characters which are not printable
    are escaped, NaN and Infinity are null, and half a surrogate pair is U+FFFD.

    With msgspec, a log line takes a fifth less CPU time. Only simple values go to msgspec, because
    it encodes other values in its own way. For example, it would write the fields of a dataclass
    that hides them in its repr.
    """
    if _SIMPLE_TYPES.issuperset(map(type, line.values())):
        try:
            return _make_printable(msgspec.json.encode(line).decode())
        except (ValueError, TypeError, OverflowError):
            pass  # A text that UTF-8 cannot encode, or a key that is not a string.
    try:
        text = _encode_any(line)
    except Exception:  # noqa: BLE001 - a value's `__str__` can raise anything
        text = _encode_any({_describe(name): _encodable(value) for name, value in line.items()})
    return _make_printable(text)


def _encodable(value: Any) -> Any:
    """Return a value that can be encoded: the value itself, or the text that says the most."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
        return json.loads(text, parse_constant=lambda _: None)
    except Exception:  # noqa: BLE001 - a circular value, a key that is not a string, or a raising one
        return _describe(value)


def _without_constants(text: str) -> str:
    """Return a line with null in the place of NaN and Infinity, if it is JSON.

    Lambda's own formatter writes these constants, which are not JSON.
    """
    if not text.startswith("{") or ("NaN" not in text and "Infinity" not in text):
        return text
    try:
        line = _encode_any(json.loads(text, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        return text
    return line + "\n" * text.endswith("\n")


def _describe(value: Any) -> str:
    """Return the text of any value, or else its type; never raise."""
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - `__str__` can raise anything
        return f"<{type(value).__name__}, whose text raised {type(error).__name__}>"


def _reduced_line(record: logging.LogRecord, error: Exception) -> dict[str, Any]:
    """Return the line of a record whose formatting raised an error."""
    return {
        "level": record.levelname,
        "message": _describe(record.msg),
        "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "log_error": f"The rest of this line could not be formatted: {type(error).__name__}",
    }


def _make_printable(text: str, *, kept: str = "") -> str:
    """Return a text of a log with the characters that are not printable as JSON escapes them.

    They could hide a part of a line, or end it early. The characters in `kept` stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in kept else _escape(character)
        for character in replace_half_pairs(text)
    )


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]


def _decode(message: Any) -> Any:
    """Decode a message for Powertools, which embeds those that are JSON."""
    try:
        return msgspec.json.decode(message)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def add_request_id_to_logs(invocation: Invocation) -> None:
    """Add the invocation's request id as `function_request_id` to all later lines of all loggers.

    Powertools' `inject_lambda_context` would affect only one logger, and add 290 bytes of other
    fields to each line.
    """
    for logger in _loggers_by_service.values():
        logger.append_keys(function_request_id=invocation.aws_request_id)
