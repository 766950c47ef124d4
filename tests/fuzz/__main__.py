"""Command line of the fuzzer: `make fuzz`."""

import argparse
import os
import sys
from pathlib import Path

from tests.fuzz.engine import Engine, run_alone
from tests.fuzz.store import Store, add_to_corpus, read_finding
from tests.fuzz.targets.registry import PLANS

FOLDER = Path("build/fuzz")


def main() -> int:
    """Run the fuzzer; return 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", nargs="*", choices=[*PLANS], default=[])
    parser.add_argument("--resume", choices=("yes", "no"), default="yes")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--keep", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.replay:
        return _replay(arguments.replay)
    store = Store.open(FOLDER, arguments.seed, resumes=arguments.resume == "yes")
    _keep_mended(store)
    plans = {name: PLANS[name] for name in arguments.targets or PLANS}
    engine = Engine(
        store,
        inputs=arguments.inputs,
        seconds=arguments.seconds,
        plans=plans,
        processes=arguments.processes,
        output=sys.stdout,
    )
    engine.run()
    for name in plans if arguments.keep else ():
        add_to_corpus(name, store.seeds_by_size(name)[: arguments.keep])
    findings = store.findings()
    for path in findings:
        print(f"{store.counts.get(f'{path.parent.name}/{path.stem}', 0):7,} times  {path}")
    done, wanted = engine.inputs_done(), engine.inputs_wanted()
    print(f"{done:,} of {wanted:,} inputs, {len(findings)} findings.")
    if done < wanted:
        print("The next call goes on from here; RESUME=no begins again.")
    return 1 if findings else 0


def _replay(path: Path) -> int:
    """Run the case of a finding again; return 1 if it still fails."""
    name, case = read_finding(path)
    signature, failure = run_alone(name, PLANS[name], case)
    print(failure.error if failure else f"No finding; the behaviour is {signature}")
    return 1 if failure else 0


def _keep_mended(store: Store) -> None:
    """Keep the findings that do not show any more as regression tests."""
    for path in store.findings():
        name, case = read_finding(path)
        _, failure = run_alone(name, PLANS[name], case)
        if not failure:
            print(f"Mended: {path}; {add_to_corpus(name, [case])} has the case from now on.")
            path.unlink()


if __name__ == "__main__":
    sys.exit(main())
