"""What a cold start of the worker imports, with details and without."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.entry_points import WORKER

FUNCTIONS = Path(__file__).parents[4] / "functions"
COLD_START = """
import json, sys, botocore.session
services = []
botocore.session.Session.create_client = lambda _, service, **__: services.append(service)
import worker.handler
ours = {"boto3", "details", "genesys", "requests", "urllib3"}
found = sorted(ours & {name.partition(".")[0] for name in sys.modules})
print(json.dumps([found, services]))
"""
ANALYTICS = {
    "DETAILS": "analytics",
    "DETAILS_WAIT_SECONDS": "60",
    "DETAILS_ATTEMPTS": "3",
    "DETAILS_PERSONAL": "false",
    "GENESYS_LOGIN_URL": "https://login.mypurecloud.com",
    "GENESYS_API_URL": "https://api.mypurecloud.com",
    "GENESYS_SECRET": "queue-ends/genesys",
}


@pytest.mark.parametrize(
    ("variables", "expected_modules", "expected_services"),
    [
        # urllib3 comes with botocore.
        pytest.param({}, ["urllib3"], ["dynamodb"], id="none"),
        pytest.param(
            ANALYTICS,
            ["boto3", "details", "genesys", "requests", "urllib3"],
            ["dynamodb", "secretsmanager"],
            id="analytics",
        ),
    ],
)
def test_only_with_details_a_cold_start_imports_what_they_need(
    variables: dict[str, str], expected_modules: list[str], expected_services: list[str]
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(FUNCTIONS), **WORKER, **variables}
    completed = subprocess.run(
        [sys.executable, "-c", COLD_START],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(completed.stdout) == [expected_modules, expected_services]
