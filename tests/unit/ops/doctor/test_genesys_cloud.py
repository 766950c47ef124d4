"""What the doctor says of Genesys Cloud when something there is wrong."""

import pytest

from genesys.integration_spec import make_notes
from local.genesys.integrations import PERMISSIONS
from local.genesys.limits import DOWN
from local.http.messages import Answer
from ops.doctor import command
from tests.unit.ops.doctor.conftest import NAME, Doctor


def test_a_wrong_secret_is_a_refused_login(doctor: Doctor) -> None:
    doctor.genesys.client_secret = "another"
    cross = doctor.crosses()["Genesys Cloud login"]
    assert "refuses the login" in cross["detail"]
    assert "AWS secret queue-ends/genesys" in cross["fix"]
    assert "genesys_environment" in cross["fix"]


@pytest.mark.parametrize("value", ["no JSON", '{"client_id": "x"}', None])
def test_a_malformed_secret_is_named_and_not_shown(doctor: Doctor, value: str | None) -> None:
    doctor.account.secrets.put("queue-ends/genesys", value)
    cross = doctor.crosses()["Genesys Cloud secret"]
    assert "Secret 'queue-ends/genesys'" in cross["detail"]
    assert "secretsmanager" in cross["fix"]
    assert "no JSON" not in doctor.output


def test_a_login_host_that_does_not_answer_points_to_the_region(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "GENESYS_SECONDS", 0.5)
    doctor.settings["genesys_login_url"] = "http://127.0.0.1:9"
    cross = doctor.crosses()["Genesys Cloud login"]
    assert "cannot be reached at http://127.0.0.1:9" in cross["detail"]
    assert "genesys_environment" in cross["fix"]


def test_genesys_cloud_that_hangs_is_one_cross(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "GENESYS_SECONDS", 0.3)
    doctor.genesys.outage = Answer(fate="hung")
    assert doctor.crosses().keys() == {"Genesys Cloud login"}


def test_an_api_that_hangs_after_the_login_is_one_cross(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "GENESYS_SECONDS", 0.5)
    doctor.genesys.always("list", Answer(fate="hung"))
    checks = doctor.run()
    crosses = {name for name, check in checks.items() if check["status"] == "failed"}
    assert crosses == {"Delivery"}
    assert checks["Queues"]["status"] == "skipped"
    assert checks["Dead letters"]["status"] == "ok"


def test_an_outage_of_genesys_cloud_is_named(doctor: Doctor) -> None:
    doctor.genesys.outage = DOWN
    assert "503" in doctor.crosses()["Genesys Cloud login"]["detail"]


def test_an_org_without_subscriptions_needs_eventbridge(before_deploy: Doctor) -> None:
    before_deploy.genesys.has_subscription_api = False
    crosses = before_deploy.crosses()
    assert crosses.keys() == {"Delivery"}
    assert 'delivery = "subscription" cannot work' in crosses["Delivery"]["detail"]
    assert 'Set delivery = "eventbridge"' in crosses["Delivery"]["fix"]


def test_an_org_without_the_integration_type_needs_subscription(before_deploy: Doctor) -> None:
    before_deploy.settings["delivery"] = "eventbridge"
    before_deploy.genesys.integrations.types = ()
    crosses = before_deploy.crosses()
    assert crosses.keys() == {"Delivery"}
    assert 'Set delivery = "subscription"' in crosses["Delivery"]["fix"]


def test_an_org_with_neither_delivery_must_ask_genesys_cloud(before_deploy: Doctor) -> None:
    before_deploy.genesys.integrations.types = ()
    before_deploy.genesys.has_subscription_api = False
    assert "Ask Genesys Cloud" in before_deploy.crosses()["Delivery"]["fix"]


@pytest.mark.parametrize("action", ["view", "edit", "delete"])
def test_a_missing_permission_of_integrations_is_named(before_deploy: Doctor, action: str) -> None:
    before_deploy.settings["delivery"] = "eventbridge"
    missing = f"integrations:integration:{action}"
    before_deploy.genesys.integrations.permissions = {*PERMISSIONS.values()} - {missing}
    cross = before_deploy.crosses()["Permissions"]
    assert cross["detail"] == f"403: the OAuth client lacks {missing}"
    assert missing in cross["fix"]


def test_the_permission_to_create_integrations_is_said_to_be_untested(
    before_deploy: Doctor,
) -> None:
    before_deploy.settings["delivery"] = "eventbridge"
    detail = before_deploy.run()["Permissions"]["detail"]
    assert "integrations:integration:add cannot be tested" in detail


def test_a_client_that_may_not_see_queues_is_a_warning(doctor: Doctor) -> None:
    doctor.genesys.queues.permissions = ()
    check = doctor.run()["Queues"]
    assert check["status"] == "warning"
    assert "routing:queue:view" in check["fix"]
    assert doctor.status == 0


def test_analytics_are_asked_for_only_if_the_settings_use_them(doctor: Doctor) -> None:
    doctor.genesys.analytics.permissions = ()
    assert "Analytics permission" not in doctor.run()
    doctor.settings["details"] = "analytics"
    cross = doctor.crosses()["Analytics permission"]
    assert "analytics:conversationDetail:view" in cross["fix"]


def test_a_disabled_subscription_is_a_cross(doctor: Doctor) -> None:
    (subscription,) = doctor.genesys.subscriptions.find_by_name(NAME)
    subscription["status"] = "inactive"
    cross = doctor.crosses()["Subscription or integration"]
    assert "status is 'inactive' instead of 'active'" in cross["detail"]


def test_a_deleted_subscription_is_a_cross(doctor: Doctor) -> None:
    doctor.genesys.subscriptions.clear()
    cross = doctor.crosses()["Subscription or integration"]
    assert "There is no subscription" in cross["detail"]


def test_an_inactive_integration_is_a_cross(before_deploy: Doctor) -> None:
    before_deploy.use_eventbridge()
    (integration,) = before_deploy.genesys.integrations.find_by_name(NAME)
    integration |= {"intendedState": "DISABLED", "reportedState": {"code": "INACTIVE"}}
    cross = before_deploy.crosses()["Subscription or integration"]
    assert "is switched off" in cross["detail"]


def test_a_deleted_partner_event_source_is_a_cross(before_deploy: Doctor) -> None:
    before_deploy.use_eventbridge()
    before_deploy.account.partner_events.sources.clear()
    cross = before_deploy.crosses()["Subscription or integration"]
    assert "partner event source" in cross["detail"]


@pytest.mark.parametrize("delivery", ["subscription", "eventbridge"])
def test_a_foreign_namesake_is_a_cross_before_the_first_deploy(
    before_deploy: Doctor, delivery: str
) -> None:
    before_deploy.settings["delivery"] = delivery
    before_deploy.genesys.subscriptions.seed(NAME)
    before_deploy.genesys.integrations.seed(NAME)
    cross = before_deploy.crosses()["Subscription or integration"]
    assert f"{NAME} exists" in cross["detail"]
    assert "another stage name" in cross["fix"]


def test_an_unfinished_integration_of_another_stack_is_a_cross(before_deploy: Doctor) -> None:
    before_deploy.settings["delivery"] = "eventbridge"
    theirs = before_deploy.genesys.integrations.seed(NAME, {})
    notes = make_notes("QueueEnds-dev", "999988887777", "us-east-1")
    before_deploy.genesys.integrations[theirs]["notes"] = notes
    assert notes in before_deploy.crosses()["Subscription or integration"]["detail"]
