"""What services in memory that take many entries a call share: scripts, checks, a record."""

import functools
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import botocore.session
from botocore.exceptions import ClientError, ParamValidationError
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

Entry = Mapping[str, Any]
# An error to raise, the positions of entries to fail, or something to do before the answer.
Fault = BaseException | Collection[int] | Callable[[], object]

# What an entry fails with that a script says so of.
ENTRY_ERROR = "InternalFailure"


class ManyEntries:
    """A service whose call takes entries and answers for each; types are those of botocore's model.

    Attributes
    ----------
    calls
        The entries of each call, in order, whatever became of it.
    taken
        The entries that it took.
    refused
        Codes of what was refused without a script saying so: mistakes of the caller.
    before
        Called before each call with its entries; may raise.
    """

    def __init__(self, service: str, operation: str) -> None:
        self._operation = operation
        self._shape = _model(service).operation_model(operation).input_shape
        self.calls: list[Sequence[Entry]] = []
        self.taken: list[Entry] = []
        self.refused: list[str] = []
        self.before: Callable[[Sequence[Entry]], object] = lambda _: None
        self._scripted: deque[Fault | None] = deque()
        self._always: Fault | None = None

    def script(self, *faults: Fault | None) -> None:
        """Let the next calls meet these faults; None: the call succeeds."""
        self._scripted.extend(faults)

    def always(self, fault: Fault) -> None:
        """Let every call that no script is for meet a fault."""
        self._always = fault

    def error(self, code: str, status: int = 400) -> ClientError:
        """Return an answer as botocore raises it; the text is one that must not be logged."""
        return ClientError(
            {
                "Error": {"Code": code, "Message": f"canary of {code}"},
                "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
            },
            self._operation,
        )

    def take(
        self,
        parameters: Mapping[str, Any],
        entries: Sequence[Entry],
        refusals: Callable[[], Mapping[str, bool]],
    ) -> list[str]:
        """Return a code for each entry, an empty one where it was taken.

        Parameters
        ----------
        refusals
            By code, whether the call is refused as a whole; asked once its types are right.
        """
        self.calls.append(entries)
        self.before(entries)
        fault = self._scripted.popleft() if self._scripted else self._always
        if callable(fault):
            fault = fault()
        if isinstance(fault, BaseException):
            raise fault
        if (problems := ParamValidator().validate(parameters, self._shape)).has_errors():
            self.refused.append("ParamValidation")
            raise ParamValidationError(report=problems.generate_report())
        for code, refused in refusals().items():
            if refused:
                self.refused.append(code)
                raise self.error(code)
        failing = fault if isinstance(fault, Collection) else ()
        self.taken += [entry for place, entry in enumerate(entries) if place not in failing]
        return [ENTRY_ERROR if place in failing else "" for place in range(len(entries))]


@functools.cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
