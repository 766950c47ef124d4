"""What the doctor says of this machine, the AWS account and the stack when something is wrong."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops import aws
from ops.errors import OpsError
from tests.unit.ops.doctor.conftest import Doctor
from tests.unit.ops.doctor.fake_account import QUEUE_URL, RULES_SEND, STACK


def test_an_old_node_is_a_cross(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    old = subprocess.CompletedProcess(["node"], 0, "v18.19.0\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: old)
    assert "v18.19.0 is too old" in doctor.crosses()["Node.js"]["detail"]


def test_a_missing_node_is_a_cross(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "Install Node.js 20" in doctor.crosses()["Node.js"]["fix"]


def test_a_missing_cdk_cli_is_a_cross(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "package.json").write_text('{"devDependencies": {"aws-cdk": "2.1.0"}}')
    monkeypatch.setattr("ops.doctor.command._PROJECT", tmp_path)
    assert doctor.crosses()["CDK CLI"]["fix"] == "Run: make setup"


def test_no_access_to_aws_is_a_cross_and_the_rest_is_skipped(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect() -> None:
        raise OpsError("No access. Set AWS_PROFILE or log in, then try again.")

    monkeypatch.setattr(aws, "connect", connect)
    checks = doctor.run()
    assert checks["AWS account"]["detail"] == "No access."
    assert checks["AWS account"]["fix"] == "Set AWS_PROFILE or log in, then try again."
    assert checks["Settings"]["status"] == "ok"
    assert checks["Deployed stack"]["status"] == "skipped"
    assert doctor.status == 1


def test_an_account_without_bootstrap_parameter_can_have_the_stack(doctor: Doctor) -> None:
    doctor.account.parameters.clear()
    assert "cdk bootstrap aws://123456789012/eu-west-1" in doctor.crosses()["CDK bootstrap"]["fix"]
    doctor.account.stacks["CDKToolkit"] = "CREATE_COMPLETE"
    assert doctor.run()["CDK bootstrap"]["status"] == "ok"


def test_what_aws_denies_the_operator_is_a_warning(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(**_: Any) -> Mapping[str, Any]:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "DescribeAlarms")

    monkeypatch.setattr(doctor.account, "describe_alarms", deny)
    check = doctor.run()["Alarms"]
    assert check["status"] == "warning"
    assert "AWS denies you DescribeAlarms" in check["detail"]
    assert doctor.status == 0


def test_a_secret_that_the_operator_may_not_read_is_a_warning(doctor: Doctor) -> None:
    doctor.account.secrets.denied = 1
    checks = doctor.run()
    assert checks["Genesys Cloud secret"]["status"] == "warning"
    assert checks["Genesys Cloud login"]["status"] == "skipped"
    assert doctor.status == 0


def test_all_mistakes_in_the_settings_are_shown(doctor: Doctor) -> None:
    doctor.settings |= {"batch_size": "0", "delivery": "pigeon"}
    detail = doctor.crosses()["Settings"]["detail"]
    assert "batch_size" in detail
    assert "pigeon" in detail


def test_the_example_queues_are_a_warning(doctor: Doctor) -> None:
    del doctor.settings["queue_ids"]
    check = doctor.run()["Settings"]
    assert check["status"] == "warning"
    assert "Replace the example ids" in check["fix"]


def test_a_malformed_option_is_a_wrong_command_line(doctor: Doctor) -> None:
    result = doctor.ops.run("doctor", "-c", "nonsense")
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "ok"),
        ("letmein", "failed"),
        ("whsec_YQ==", "failed"),
    ],
)
def test_the_webhooks_key_is_checked_if_it_is_used(doctor: Doctor, key: str, status: str) -> None:
    assert "Webhook secret" not in doctor.run()
    doctor.settings |= {
        "destinations": "webhook",
        "webhook_url": "https://example.com/ended",
        "webhook_secret": "queue-ends/webhook",
    }
    assert "no secret" in doctor.crosses()["Webhook secret"]["detail"]
    doctor.account.secrets.put("queue-ends/webhook", key)
    assert doctor.run()["Webhook secret"]["status"] == status
    assert key not in doctor.output


def test_a_stack_whose_creation_failed_is_a_cross(doctor: Doctor) -> None:
    doctor.account.stacks[STACK] = "ROLLBACK_COMPLETE"
    assert "ROLLBACK_COMPLETE" in doctor.crosses()["Deployed stack"]["detail"]


def test_a_deploy_that_was_rolled_back_is_a_warning(doctor: Doctor) -> None:
    doctor.account.stacks[STACK] = "UPDATE_ROLLBACK_COMPLETE"
    checks = doctor.run()
    assert checks["Deployed stack"]["status"] == "warning"
    assert checks["Subscription or integration"]["status"] == "ok"


def test_a_stack_that_is_being_deployed_is_skipped(doctor: Doctor) -> None:
    doctor.account.stacks[STACK] = "UPDATE_IN_PROGRESS"
    assert doctor.run()["Deployed stack"]["status"] == "skipped"


def test_a_stack_of_another_program_is_a_cross(doctor: Doctor) -> None:
    del doctor.account.resources["Source"]
    assert "another version" in doctor.crosses()["Deployed settings"]["detail"]


def test_a_policy_that_keeps_genesys_cloud_out_is_a_cross(doctor: Doctor) -> None:
    doctor.account.policy = [RULES_SEND]
    assert "none arrive" in doctor.crosses()["Intake queue's policy"]["detail"]


@pytest.mark.parametrize("state", ["DISABLED", ""])
def test_a_rule_that_is_off_or_gone_is_a_cross(before_deploy: Doctor, state: str) -> None:
    before_deploy.use_eventbridge()
    before_deploy.account.rule_state = state
    assert "queues-1" in before_deploy.crosses()["Intake queue's policy"]["detail"]


def test_a_mapping_that_fails_or_is_gone_is_a_cross(doctor: Doctor) -> None:
    assert doctor.account.mapping
    problem = "PROBLEM: The function's role may not call ReceiveMessage"
    doctor.account.mapping["LastProcessingResult"] = problem
    assert problem in doctor.crosses()["Event source mapping"]["detail"]
    doctor.account.mapping = None
    assert "no event source mapping" in doctor.crosses()["Event source mapping"]["detail"]


def test_a_mapping_that_is_being_enabled_is_a_warning(doctor: Doctor) -> None:
    assert doctor.account.mapping
    doctor.account.mapping["State"] = "Enabling"
    assert doctor.run()["Event source mapping"]["status"] == "warning"


def test_undelivered_events_count_as_dead_letters(doctor: Doctor) -> None:
    doctor.account.messages[QUEUE_URL.replace("intake", "undelivered")] = 1
    assert doctor.run()["Dead letters"]["detail"].startswith("1 in queue-ends-dev-undelivered")


def test_alarms_that_are_on_are_named(doctor: Doctor) -> None:
    doctor.account.alarms = [f"{STACK}-backlog", "QueueEnds-dev-2-backlog"]
    check = doctor.run()["Alarms"]
    assert check["status"] == "warning"
    assert check["detail"] == f"on: {STACK}-backlog"
