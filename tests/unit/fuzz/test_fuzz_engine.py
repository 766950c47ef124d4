"""The fuzzer: it finds what is wrong, accounts for every input, and goes on where it ended."""

import io
import multiprocessing
import os
import select
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.fuzz import cases, engine
from tests.fuzz.cases import INPUTS_PER_SLICE, Slice, SliceResult, run_slice
from tests.fuzz.cpu_limit import run_within_limit
from tests.fuzz.engine import Engine, run_alone
from tests.fuzz.mutation import Mutator
from tests.fuzz.store import Store, read_finding
from tests.fuzz.target import Case, Finding, Plan
from tests.polling import wait_until

FORK = multiprocessing.get_context("fork")


class Words:
    """A target whose cases are lists of words; certain words are a fault."""

    inputs_per_case = 10

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.journal = Path(os.environ["FUZZ_JOURNAL"])

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        return [mutator.choice(["sound", "odd", "longer"]) for _ in range(4)] + [*kept[:1]]

    def run(self, case: Case) -> str:
        with self.journal.open("a") as journal:
            journal.write(f"{case}\n")
        return str(sorted(set(map(str, case))))


class Crashing(Words):
    """A target that fails on the word `odd`."""

    def run(self, case: Case) -> str:
        if "odd" in case:
            raise LookupError(case)
        return super().run(case)


class Wrong(Words):
    """A target that behaves wrongly on the word `odd`, and in another way on `longer`."""

    def run(self, case: Case) -> str:
        for word in ("odd", "longer"):
            if word in case:
                raise Finding(f"about {word}", case)
        return super().run(case)


class Hanging(Words):
    """A target that never ends on the word `odd`, and swallows errors."""

    def run(self, case: Case) -> str:
        while "odd" in case:
            pass
        return super().run(case)


class Swallowing(Words):
    """A target that takes too long, and swallows the error that says so."""

    def run(self, case: Case) -> str:
        try:
            while "odd" in case:
                pass
        except BaseException:  # noqa: BLE001, S110 - as the code under test may do
            pass
        return super().run(case)


class Dying(Words):
    """A target whose process ends on the word `odd`."""

    def run(self, case: Case) -> str:
        if "odd" in case:
            os._exit(3)
        return super().run(case)


class Greedy(Words):
    """A target that takes memory on the word `odd`."""

    def run(self, case: Case) -> str:
        if "odd" in case:
            b"x" * (60 * 1024 * 1024)
        return super().run(case)


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which targets note their cases."""
    path = tmp_path / "journal"
    path.touch()
    monkeypatch.setenv("FUZZ_JOURNAL", str(path))
    return path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the limits of a case short, so that no test waits."""
    monkeypatch.setattr(cases, "run_within_limit", lambda function: run_within_limit(function, 0.1))
    monkeypatch.setattr(cases, "MAX_GROWTH_MIB", 20)
    monkeypatch.setattr(engine, "_LOOK_SECONDS", 0.05)


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def run_one_slice(target: Words, **kept: Case) -> SliceResult:
    return run_slice(target, Slice("words", 0, 1, kept))


def run_engine(folder: Path, make: type[Words], inputs: int, *, resumes: bool = True) -> Engine:
    """Run the engine with one target in one process."""
    run = Engine(
        Store.open(folder, 1, resumes=resumes),
        inputs=inputs,
        seconds=60,
        plans={"words": Plan(1, make)},
        processes=1,
        output=io.StringIO(),
    )
    run.run()
    return run


@pytest.mark.parametrize(
    ("make", "keys"),
    [
        (Crashing, ["LookupError"]),
        (Wrong, ["about-longer", "about-odd"]),
        (Hanging, ["Hang"]),
        (Swallowing, ["Hang"]),
    ],
)
def test_each_fault_is_found_once_with_the_smallest_case(
    make: type[Words], keys: list[str], patch: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "INPUTS_PER_SLICE", 100)

    result = run_one_slice(make(patch))

    assert result.inputs == 100
    found = sorted((failure.key.rpartition("-")[0], failure.case) for failure in result.failures)
    assert [key for key, _ in found] == keys
    assert all(case in (["odd"], ["longer"]) for _, case in found)
    assert sum(result.counts.values()) >= len(keys)


def test_a_case_depends_on_seed_number_and_seeds_alone(
    journal: Path, patch: pytest.MonkeyPatch
) -> None:
    first, second = run_one_slice(Words(patch)), run_one_slice(Words(patch))
    noted = journal.read_text().splitlines()
    assert noted[: len(noted) // 2] == noted[len(noted) // 2 :]
    assert first.kept == second.kept

    run_one_slice(Words(patch), other=["seed"])
    assert "['seed']" in journal.read_text()


def test_cases_of_new_behaviour_are_kept_as_seeds(tmp_path: Path) -> None:
    run_engine(tmp_path / "fuzz", Words, 2 * INPUTS_PER_SLICE)

    kept = Store.open(tmp_path / "fuzz", 1, resumes=True).kept("words")

    assert {"odd", "sound"} <= {
        word for signature in kept for word in ("odd", "sound") if word in signature
    }
    assert len(kept) > 3


def test_a_second_run_goes_on_where_the_first_one_ended(tmp_path: Path, journal: Path) -> None:
    run_engine(tmp_path / "a", Words, 3 * INPUTS_PER_SLICE)
    in_one_go = journal.read_text()
    journal.write_text("")

    run_engine(tmp_path / "b", Words, INPUTS_PER_SLICE)
    run = run_engine(tmp_path / "b", Words, 3 * INPUTS_PER_SLICE)

    assert journal.read_text() == in_one_go
    assert run.inputs_done() == run.inputs_wanted() == 3 * INPUTS_PER_SLICE


def test_a_fresh_run_begins_with_the_first_input(tmp_path: Path, journal: Path) -> None:
    run_engine(tmp_path / "fuzz", Words, INPUTS_PER_SLICE)
    first = journal.read_text()
    journal.write_text("")

    run_engine(tmp_path / "fuzz", Words, INPUTS_PER_SLICE, resumes=False)

    assert journal.read_text() == first


def test_a_run_without_time_does_nothing_and_says_how_much_is_left(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "fuzz", 1, resumes=True)
    plans = {"words": Plan(1, Words)}
    run = Engine(store, inputs=5_000, seconds=0, plans=plans, processes=1, output=io.StringIO())

    run.run()

    assert (run.inputs_done(), run.inputs_wanted()) == (0, 5_000)


def test_a_finding_is_written_down_and_can_be_run_again(tmp_path: Path) -> None:
    run_engine(tmp_path / "fuzz", Crashing, INPUTS_PER_SLICE)

    (path,) = Store.open(tmp_path / "fuzz", 1, resumes=True).findings()

    assert path.parent.name == "words"
    assert read_finding(path) == ("words", ["odd"])
    assert "raise LookupError(case)" in path.read_text()


def test_much_memory_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "INPUTS_PER_SLICE", 100)

    # A new process, since in this one other tests may have used more memory.
    run_engine(tmp_path / "fuzz", Greedy, INPUTS_PER_SLICE)

    (path,) = Store.open(tmp_path / "fuzz", 1, resumes=True).findings()
    assert path.stem.startswith("memory")
    assert "odd" in read_finding(path)[1]


def test_a_process_that_ends_is_a_finding_and_the_run_goes_on(tmp_path: Path) -> None:
    run_engine(tmp_path / "fuzz", Dying, 2 * INPUTS_PER_SLICE)

    store = Store.open(tmp_path / "fuzz", 1, resumes=True)

    assert [path.stem for path in store.findings()] == ["the-process-ended"]
    name, case = read_finding(store.findings()[0])
    assert "odd" in case
    assert store.done == {"words": 2}
    _, failure = run_alone(name, Plan(1, Dying), case)
    assert failure
    assert failure.key == "the-process-ended"


def test_no_process_outlives_a_run_that_was_killed(tmp_path: Path, journal: Path) -> None:
    reading, writing = os.pipe()
    run = FORK.Process(target=run_engine, args=(tmp_path / "fuzz", Words, 1_000_000))
    run.start()
    os.close(writing)
    wait_until(journal.read_text, "a case to be run")

    run.kill()
    run.join()

    # Every process of the run has the writing end open.
    ended, _, _ = select.select([reading], [], [], 60)
    os.close(reading)
    assert ended
