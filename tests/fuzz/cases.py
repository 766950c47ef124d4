"""Runs the cases of a target: one slice of them after another, or single ones again."""

import gc
import hashlib
import resource
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.cpu_limit import Hang, hangs_interrupted, run_within_limit
from tests.fuzz.minimizing import minimized
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Case, Finding, Target

INPUTS_PER_SLICE = 1_000
# The most that a case may add to the most memory that the process has ever had.
MAX_GROWTH_MIB = 100
_PROJECT = str(Path(__file__).parents[2])
_ENGINE = str(Path(__file__).parent)


@dataclass(frozen=True, slots=True)
class Failure:
    """A case with a finding.

    Attributes
    ----------
    key
        The same for all findings of the same fault, as far as that can be told.
    error
        The finding, with its traceback.
    """

    target: str
    number: int
    key: str
    error: str
    case: Case


@dataclass(frozen=True, slots=True)
class Slice:
    """Some cases of a target.

    Attributes
    ----------
    kept
        The cases that are kept as seeds, by signature.
    """

    target: str
    number: int
    seed: int
    kept: Mapping[str, Case]


@dataclass(slots=True)
class SliceResult:
    """The result of a slice: its number of inputs, its failures, and the cases to keep as seeds.

    Attributes
    ----------
    counts
        The number of cases with each key of a failure.
    kept
        Cases by signature, which are new.
    """

    target: str
    inputs: int = 0
    failures: list[Failure] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[str, Case] = field(default_factory=dict)


def case_numbers(target: Target, slice_number: int) -> range:
    """Return the numbers of the cases in a slice."""
    count = max(1, INPUTS_PER_SLICE // target.inputs_per_case)
    return range(slice_number * count, (slice_number + 1) * count)


def make_case(target: Target, seed: int, number: int, kept: Sequence[Case]) -> Case:
    """Return the case with a number, which depends on the arguments alone."""
    return target.make(Mutator(Random(f"{seed}/{number}")), kept)


def run_slice(
    target: Target, work: Slice, on_case: Callable[[int], object] = lambda _: None
) -> SliceResult:
    """Run the cases of a slice.

    Parameters
    ----------
    on_case
        Called with each case's number before it is made.
    """
    result = SliceResult(work.target)
    seeds = [*work.kept.values()]
    with hangs_interrupted():
        for number in case_numbers(target, work.number):
            on_case(number)
            case = make_case(target, work.seed, number, seeds)
            signature, failure = run_case(work.target, target, case, number)
            result.inputs += target.inputs_per_case
            if failure:
                if failure.key not in result.counts:
                    result.failures.append(_minimized(target, failure))
                result.counts[failure.key] = result.counts.get(failure.key, 0) + 1
            elif signature not in work.kept:
                result.kept.setdefault(signature, case)
    gc.collect()
    return result


def run_case(name: str, target: Target, case: Case, number: int = -1) -> tuple[str, Failure | None]:
    """Run a case within its limits; return its signature, or its failure."""
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        signature = run_within_limit(lambda: target.run(case))
        growth_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib) // 1024
        if growth_mib > MAX_GROWTH_MIB:
            raise Finding("memory", f"grew by {growth_mib} MiB")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever is raised is a finding
        text = "".join(traceback.format_exception(error))
        return "", Failure(name, number, _key(error), text, case)
    return signature, None


def _minimized(target: Target, failure: Failure) -> Failure:
    def shows_finding(case: Case) -> bool:
        _, found = run_case(failure.target, target, case)
        return found is not None and found.key == failure.key

    is_costly = "Hang" in failure.key or "memory" in failure.key
    case = minimized(failure.case, shows_finding, tries=10 if is_costly else 150)
    _, found = run_case(failure.target, target, case, failure.number)
    return found or failure


def _key(error: BaseException) -> str:
    """Return a file name for an error: its kind and where it comes from, with a hash of both."""
    if isinstance(error, Finding):
        kind = origin = error.kind
    else:
        kind = type(error).__name__
        # A hang can be found anywhere, so its place is left out.
        origin = "" if isinstance(error, Hang) else next(_origins(error), "")
    words = "-".join("".join(c if c.isalnum() else " " for c in kind).split())
    return f"{words[:60]}-{hashlib.sha256((kind + origin).encode()).hexdigest()[:8]}"


def _origins(error: BaseException) -> Iterator[str]:
    """Yield the functions in a traceback, the innermost first; those of the fuzzer come last."""
    frames = [*reversed(traceback.extract_tb(error.__traceback__))]
    ours = [frame for frame in frames if frame.filename.startswith(_PROJECT)]
    for frame in sorted(ours, key=lambda frame: frame.filename.startswith(_ENGINE)):
        yield f"{frame.filename.removeprefix(_PROJECT)}:{frame.name}"
