"""What the fuzzer keeps in build/fuzz: its progress, seeds and findings."""

import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.cases import Failure
from tests.fuzz.target import Case

CORPUS = Path(__file__).parent / "corpus"
"""The cases in the repository: what was found before, and seeds."""
# A case that is longer as JSON is not kept as a seed.
MAX_KEPT_CHARACTERS = 20_000
MAX_KEPT_CASES = 400


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that a stopped run goes on from.

    Attributes
    ----------
    done
        The number of finished slices, by target.
    """

    folder: Path
    seed: int
    done: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, seed: int, *, resumes: bool) -> "Store":
        """Return the store of an earlier run with the same seed, or else an empty one."""
        state = _read(folder / "state.json", {})
        if resumes and state.get("seed") == seed:
            return cls(folder, seed, state["done"], state["inputs"], state["counts"])
        if folder.exists():
            shutil.rmtree(folder)
        return cls(folder, seed)

    def save(self) -> None:
        """Write the progress down."""
        state = {"seed": self.seed, "done": self.done, "inputs": self.inputs, "counts": self.counts}
        _write(self.folder / "state.json", state)

    def kept(self, target: str) -> dict[str, Case]:
        """Return the seeds of a target, by signature."""
        seeds = {f"corpus {number}": case for number, case in enumerate(corpus_cases(target))}
        return {**seeds, **_read(self.folder / f"seeds/{target}.json", {})}

    def keep(self, target: str, cases: dict[str, Case]) -> None:
        """Keep cases as seeds, as far as there is room."""
        path = self.folder / f"seeds/{target}.json"
        kept: dict[str, Case] = _read(path, {})
        new = {
            signature: case
            for signature, case in cases.items()
            if len(json.dumps(case)) <= MAX_KEPT_CHARACTERS
        }
        if new and len(kept) < MAX_KEPT_CASES:
            _write(path, kept | dict([*new.items()][: MAX_KEPT_CASES - len(kept)]))

    def add(self, failure: Failure) -> Path:
        """Write a finding down, unless there is a smaller one of the same fault."""
        path = self.folder / f"findings/{failure.target}/{failure.key}.json"
        finding = {
            "target": failure.target,
            "number": failure.number,
            "error": failure.error,
            "case": failure.case,
        }
        earlier = _read(path, None)
        if not earlier or len(json.dumps(failure.case)) < len(json.dumps(earlier["case"])):
            _write(path, finding)
        return path

    def findings(self) -> list[Path]:
        """Return the files with findings."""
        return sorted(self.folder.glob("findings/*/*.json"))

    def seeds_by_size(self, target: str) -> list[Case]:
        """Return the seeds of a target, the smallest first."""
        seeds = _read(self.folder / f"seeds/{target}.json", {})
        return sorted(seeds.values(), key=lambda case: len(json.dumps(case)))


def read_finding(path: Path) -> tuple[str, Case]:
    """Return the target and the case in a file with a finding."""
    finding = json.loads(path.read_text(encoding="utf-8"))
    return finding["target"], finding["case"]


def corpus_cases(target: str) -> Iterator[Case]:
    """Yield the cases of a target in the repository."""
    path = CORPUS / f"{target}.jsonl"
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)


def add_to_corpus(target: str, cases: Iterable[Case]) -> Path:
    """Add cases to the repository, except those that it has."""
    path = CORPUS / f"{target}.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines += [json.dumps(case) for case in cases]
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in dict.fromkeys(lines)), encoding="utf-8")
    return path


def _read(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else default


def _write(path: Path, content: Any) -> None:
    """Write JSON so that an interruption leaves either the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(content), encoding="utf-8")
    new.replace(path)
