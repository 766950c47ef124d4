"""What services in memory that take many entries a call share: scripts, checks, a record."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from tests.fakes.aws.model import Types

Entry = Mapping[str, Any]
# An error to raise, the positions of entries to fail (a mapping gives their codes), or something to
# do before the answer.
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
        self._types, self._operation = Types(service), operation
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

    def error(self, code: str, status: int = 400, text: str = "") -> ClientError:
        """Return an answer as botocore raises it; the text is one that must not be logged."""
        return ClientError(
            {
                "Error": {"Code": code, "Message": f"{text} canary of {code}"},
                "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
            },
            self._operation,
        )

    def take(
        self,
        parameters: Mapping[str, Any],
        entries: Sequence[Entry],
        refusals: Callable[[], Mapping[str, bool | str]],
        refusal_of: Callable[[Entry], str] = lambda _: "",
    ) -> list[str]:
        """Return a code for each entry, an empty one where it was taken.

        Parameters
        ----------
        refusals
            By code, whether the call is refused as a whole, or the text that it is refused with;
            asked once its types are right.
        refusal_of
            The code that an entry is refused with; empty if it is taken.
        """
        self.calls.append(entries)
        self.before(entries)
        fault: Any = self._scripted.popleft() if self._scripted else self._always
        if callable(fault):
            fault = fault()
        if isinstance(fault, BaseException):
            raise fault
        if problems := self._types.problems(self._operation, parameters):
            self.refused.append("ParamValidation")
            raise ParamValidationError(report=problems)
        for code, refused in refusals().items():
            if refused:
                self.refused.append(code)
                raise self.error(code, text=refused if isinstance(refused, str) else "")
        failing = fault if isinstance(fault, Collection) else ()
        scripted = fault if isinstance(fault, Mapping) else dict.fromkeys(failing, ENTRY_ERROR)
        codes = [scripted.get(place) or refusal_of(entry) for place, entry in enumerate(entries)]
        self.taken += [entry for entry, code in zip(entries, codes, strict=True) if not code]
        return codes
