"""Runs the targets' slices in processes, within a time, and goes on where the last run ended."""

import multiprocessing
import signal
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any, TextIO

import pytest

from tests.fuzz.cases import (
    INPUTS_PER_SLICE,
    Failure,
    Slice,
    SliceResult,
    make_case,
    run_case,
    run_slice,
)
from tests.fuzz.cpu_limit import hangs_interrupted
from tests.fuzz.output import silent
from tests.fuzz.store import Store
from tests.fuzz.target import Case, Plan, Target

# A slice takes seconds. A process without a new case for so many looks hangs outside of Python, or
# waits for something that never comes. A suspended machine does not look.
_MAX_LOOKS_WITHOUT_A_CASE = 60
_LOOK_SECONDS = 1.0
_FORK = multiprocessing.get_context("fork")


@dataclass(slots=True)
class _Worker:
    """A process that runs slices.

    Attributes
    ----------
    number
        The number of the case that it runs, in shared memory.
    job
        The target and slice that it runs; None if it waits for one.
    """

    process: ForkProcess
    connection: Connection
    number: Any
    job: tuple[str, int] | None = None
    last_number: int = -1
    looks: int = 0


class EngineError(Exception):
    """The fuzzer itself failed; the message is the traceback in its process."""


class Engine:
    """A run of the fuzzer.

    Parameters
    ----------
    inputs
        The number of inputs of all targets together, those of earlier runs included.
    seconds
        The time after which no slice begins.
    plans
        The targets to run, by name.
    """

    def __init__(
        self,
        store: Store,
        *,
        inputs: int,
        seconds: float,
        plans: Mapping[str, Plan],
        processes: int,
        output: TextIO,
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._processes = processes
        self._output = output
        self._plans = plans
        self._slices = slices_per_target(inputs, plans)
        self._running: set[str] = set()
        self._shown_at = 0.0

    def run(self) -> None:
        """Run slices until all are done or the time is over; Ctrl-C drops those that run."""
        began = time.monotonic()
        workers = [self._make_worker() for _ in range(self._processes)]
        try:
            while True:
                is_over = time.monotonic() - began >= self._seconds
                for worker in workers:
                    if worker.job is None and not is_over:
                        self._start_next(worker)
                if all(worker.job is None for worker in workers):
                    return
                self._collect(workers)
                self._show(time.monotonic() - began)
        except KeyboardInterrupt:
            pass
        finally:
            for worker in workers:
                worker.process.kill()
                worker.process.join()
            self._store.save()

    def inputs_done(self) -> int:
        """Return the number of inputs of these targets, those of earlier runs included."""
        return sum(self._store.inputs.get(target, 0) for target in self._slices)

    def inputs_wanted(self) -> int:
        return sum(self._slices.values()) * INPUTS_PER_SLICE

    def _start_next(self, worker: _Worker) -> None:
        """Start the next slice of the target that is furthest behind, if one is left."""
        done = self._store.done
        waiting = [
            target
            for target, slices in self._slices.items()
            if target not in self._running and done.get(target, 0) < slices
        ]
        if not waiting:
            return
        target = min(waiting, key=lambda each: done.get(each, 0) / self._slices[each])
        worker.job = target, done.get(target, 0)
        worker.looks, worker.last_number = 0, -1
        self._running.add(target)
        worker.connection.send((*worker.job, self._store.seed, self._store.kept(target)))

    def _collect(self, workers: list[_Worker]) -> None:
        """Take the results that are there; replace processes that ended or hang."""
        connections = [worker.connection for worker in workers if worker.job]
        ready = wait(connections, _LOOK_SECONDS)
        for at, worker in enumerate(workers):
            if worker.job is None:
                continue
            if worker.connection in ready:
                try:
                    result = worker.connection.recv()
                    if isinstance(result, str):
                        raise EngineError(result)
                    self._take(result)
                    self._running.discard(worker.job[0])
                    worker.job = None
                except EOFError:
                    workers[at] = self._replace(worker, "the process ended")
            elif not ready and self._is_stuck(worker):
                workers[at] = self._replace(worker, "the process hangs")

    def _take(self, result: SliceResult) -> None:
        store, target = self._store, result.target
        store.done[target] = store.done.get(target, 0) + 1
        store.inputs[target] = store.inputs.get(target, 0) + result.inputs
        for failure in result.failures:
            name = f"{target}/{failure.key}"
            path = store.add(failure)
            if name not in store.counts:
                self._print(f"Finding: {path}")
        for key, count in result.counts.items():
            store.counts[f"{target}/{key}"] = store.counts.get(f"{target}/{key}", 0) + count
        store.keep(target, result.kept)
        store.save()

    def _is_stuck(self, worker: _Worker) -> bool:
        number = worker.number.value
        worker.looks = worker.looks + 1 if number == worker.last_number else 0
        worker.last_number = number
        return worker.looks >= _MAX_LOOKS_WITHOUT_A_CASE

    def _replace(self, worker: _Worker, problem: str) -> _Worker:
        """Report the case that a process did not survive, and return a new process."""
        worker.process.kill()
        worker.process.join()
        assert worker.job
        target, _ = worker.job
        number = int(worker.number.value)
        kept = [*self._store.kept(target).values()]
        with pytest.MonkeyPatch.context() as patch:
            case = make_case(self._plans[target].make(patch), self._store.seed, number, kept)
        failure = _fatal(target, number, problem, case)
        self._take(SliceResult(target, 0, [failure], {failure.key: 1}))
        self._running.discard(target)
        return self._make_worker()

    def _make_worker(self) -> _Worker:
        ours, theirs = _FORK.Pipe()
        number = _FORK.Value("q", -1)
        arguments = (theirs, ours, number, self._plans)
        process = _FORK.Process(target=_serve, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours, number)

    def _show(self, seconds: float) -> None:
        if seconds - self._shown_at < 10:
            return
        self._shown_at = seconds
        done, wanted = self.inputs_done(), self.inputs_wanted()
        findings = len(self._store.findings())
        self._print(f"{seconds:5.0f} s  {done:9,} of {wanted:,} inputs  {findings} findings")

    def _print(self, text: str) -> None:
        print(text, file=self._output, flush=True)


def run_alone(name: str, plan: Plan, case: Case) -> tuple[str, Failure | None]:
    """Run a case in a process of its own, which the case may end; return as `run_case` does."""

    def run() -> None:
        with silent(), hangs_interrupted(), pytest.MonkeyPatch.context() as patch:
            theirs.send(run_case(name, plan.make(patch), case))

    ours, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=run, daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(_MAX_LOOKS_WITHOUT_A_CASE * _LOOK_SECONDS):
            return "", _fatal(name, -1, "the process hangs", case)
        result: tuple[str, Failure | None] = ours.recv()
    except EOFError:
        return "", _fatal(name, -1, "the process ended", case)
    finally:
        process.kill()
        process.join()
    return result


def _fatal(target: str, number: int, problem: str, case: Case) -> Failure:
    """Return the failure of a case that its process does not survive."""
    return Failure(target, number, problem.replace(" ", "-"), problem, case)


def slices_per_target(inputs: int, plans: Mapping[str, Plan]) -> Mapping[str, int]:
    """Return the number of slices of each target, by the targets' shares."""
    total = sum(plan.share for plan in plans.values())
    return {
        target: -(-inputs * plan.share // (total * INPUTS_PER_SLICE))
        for target, plan in plans.items()
    }


def _serve(
    connection: Connection, engine_end: Connection, number: Any, plans: Mapping[str, Plan]
) -> None:
    """Run slices in a process of its own, whose output is the targets' alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engine_end.close()  # so that the end of the engine's process ends this one, too
    targets: dict[str, Target] = {}

    def on_case(case_number: int) -> None:
        number.value = case_number

    with silent():
        while True:
            try:
                name, slice_number, seed, kept = connection.recv()
            except EOFError:
                return
            try:
                if name not in targets:
                    targets[name] = plans[name].make(pytest.MonkeyPatch())
                work = Slice(name, slice_number, seed, kept)
                connection.send(run_slice(targets[name], work, on_case))
            except Exception:  # noqa: BLE001 - the engine raises it again
                connection.send(traceback.format_exc())
