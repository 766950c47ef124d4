"""Tests of the part `end_to_end`: its figures, and the code of the Powertools function."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.emulated.deployments import MODULES
from bench.emulated.entrants import logged_latencies
from bench.parts.end_to_end import latency_percentiles, median_ratio


def test_latencies_in_a_log_may_be_lists_or_single_numbers() -> None:
    events = [
        {"message": '{"EndToEndLatency": [3, 5], "Ended": 2}', "timestamp": 1_010},
        {"message": '{"EndToEndLatency": 4}', "timestamp": 1_020},
    ]

    assert logged_latencies(events, since=1_000) == [3, 5, 4]


def test_an_end_of_an_earlier_turn_is_left_out() -> None:
    events = [{"message": '{"EndToEndLatency": [200, 3]}', "timestamp": 1_010}]

    assert logged_latencies(events, since=1_000) == [3]


def test_percentiles_are_those_of_all_turns_together() -> None:
    turns = [[*range(1, 51)], [*range(51, 101)]]

    assert latency_percentiles(turns) == {"p50": 50, "p95": 95, "p99": 99}


def test_a_ratio_compares_turns_of_the_same_round() -> None:
    """A disturbance that lasts a round slows both contenders, and leaves the ratio as it is."""
    assert median_ratio([800, 80, 600], [400, 40, 300]) == 2


def test_the_powertools_function_has_all_modules_that_it_imports(tmp_path: Path) -> None:
    for module in MODULES:
        (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(Path(__file__).parents[3] / module, tmp_path / module)
    variables = {"AWS_DEFAULT_REGION": "eu-west-1", "USES_BUS": "true"}

    imported = subprocess.run(
        [sys.executable, "-c", "import bench.emulated.powertools_handler"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert imported.stderr == ""
    assert imported.returncode == 0
