"""The doctor when all is well, before and after a deploy, and its output."""

import json

import pytest

from local.genesys.login import CLIENT_SECRET
from ops.errors import Status
from tests.unit.ops.conftest import Ops
from tests.unit.ops.doctor.conftest import Doctor


def test_all_checks_have_ticks_after_a_healthy_deploy(doctor: Doctor) -> None:
    checks = doctor.run()
    assert {name: c["detail"] for name, c in checks.items() if c["status"] != "ok"} == {}
    assert doctor.status == 0


def test_all_checks_have_ticks_after_a_healthy_deploy_with_eventbridge(
    before_deploy: Doctor,
) -> None:
    before_deploy.use_eventbridge()
    checks = before_deploy.run()
    assert {name: c["detail"] for name, c in checks.items() if c["status"] != "ok"} == {}


def test_before_the_first_deploy_the_stack_is_skipped_and_nothing_is_wrong(
    before_deploy: Doctor,
) -> None:
    checks = before_deploy.run()
    skipped = {name for name, c in checks.items() if c["status"] == "skipped"}
    assert {"Deployed stack", "Subscription or integration", "Dead letters"} <= skipped
    assert checks["Subscription or integration"]["detail"].startswith("not deployed yet")
    assert {c["status"] for c in checks.values()} == {"ok", "skipped"}
    assert before_deploy.status == 0


def test_the_names_of_the_org_and_of_the_queues_are_shown(doctor: Doctor) -> None:
    checks = doctor.run()
    assert "Example" in checks["Genesys Cloud login"]["detail"]
    assert "Support" in checks["Queues"]["detail"]


def test_a_line_for_people_has_a_symbol_a_name_and_what_to_do(doctor: Doctor) -> None:
    doctor.account.parameters.clear()
    text = doctor.run_for_people()
    assert "✓ Python" in text
    assert "✗ CDK bootstrap" in text
    assert "→ Run: node_modules/.bin/cdk bootstrap" in " ".join(text.split())
    assert text.endswith("1 to correct.\n")
    assert max(map(len, text.splitlines())) <= 80


def test_the_last_line_counts_the_warnings(doctor: Doctor) -> None:
    doctor.settings["max_receive_count"] = "3"
    assert doctor.run_for_people().endswith("Nothing to correct, 1 warning.\n")
    assert doctor.status == 0


def test_a_setting_without_a_value_stops_the_doctor_before_its_first_check(ops: Ops) -> None:
    result = ops.run("doctor", "-c", "delivery")
    assert result.exit_code == Status.USAGE
    assert "'delivery' must be KEY=VALUE" in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_no_request_of_the_doctor_changes_anything(before_deploy: Doctor) -> None:
    before_deploy.use_subscription()
    before_deploy.use_eventbridge()
    genesys = before_deploy.genesys
    before = json.dumps([genesys.subscriptions, genesys.integrations, genesys.queues])
    for delivery in ("subscription", "eventbridge"):
        before_deploy.settings["delivery"] = delivery
        before_deploy.run()
    assert json.dumps([genesys.subscriptions, genesys.integrations, genesys.queues]) == before
    # The requests that could change something named ids that do not exist.
    changing = ("delete", "switch", "replace", "configure", "create")
    assert {call.status for call in genesys.calls if call.operation in changing} == {404}


def test_the_client_secret_is_never_printed(doctor: Doctor) -> None:
    doctor.genesys.client_secret = "another"
    doctor.run()
    assert CLIENT_SECRET not in doctor.output
    assert CLIENT_SECRET not in doctor.run_for_people()


def test_a_check_is_skipped_if_one_that_it_needs_failed(doctor: Doctor) -> None:
    doctor.account.secrets.held.clear()
    checks = doctor.run()
    assert checks["Genesys Cloud secret"]["status"] == "failed"
    assert checks["Queues"]["status"] == "skipped"
    assert checks["Queues"]["detail"] == "needs: Genesys Cloud login"
    assert checks["Dead letters"]["status"] == "ok"


@pytest.mark.parametrize("seconds", [0.0])
def test_checks_of_genesys_cloud_end_at_the_deadline(
    doctor: Doctor, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.doctor.command.GENESYS_SECONDS", seconds)
    assert doctor.crosses().keys() == {"Genesys Cloud login"}
    assert doctor.genesys.calls == []
