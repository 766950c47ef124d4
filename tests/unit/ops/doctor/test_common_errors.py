"""The common errors of the tutorial, produced on the stand-in: the doctor names each and its fix.

Source: the tutorial *Filter EventBridge Events for Specific Queue Conversation Ends in Genesys
Cloud*, section *Common Errors & Debugging*.
"""

from local.genesys.login import READ
from local.traffic.subscription import OUR_QUEUES
from tests.unit.ops.doctor.conftest import NAME, QUEUE_ID, Doctor
from tests.unit.ops.doctor.fake_account import DEAD_URL, QUEUE_URL


def test_403_on_subscription_creation_names_the_missing_scope(before_deploy: Doctor) -> None:
    before_deploy.genesys.scopes = (READ,)
    crosses = before_deploy.crosses()
    assert crosses.keys() == {"Permissions"}
    cross = crosses["Permissions"]
    assert cross["detail"] == "403: the OAuth client lacks event:subscribe:write"
    assert "Add the scope event:subscribe:write to the OAuth client" in cross["fix"]
    assert "role" in cross["fix"]
    assert "new token" in cross["fix"]
    assert before_deploy.status == 1


def test_no_events_as_the_filter_has_a_wrong_syntax(doctor: Doctor) -> None:
    doctor.settings["attribute_filter"] = f"queueId == '{QUEUE_ID}'"
    cross = doctor.crosses()["Settings"]
    assert "attribute_filter" in cross["detail"]
    assert f"queueId = '{QUEUE_ID}'" in cross["detail"]  # the filter that works


def test_no_events_as_the_filter_in_genesys_cloud_is_another(doctor: Doctor) -> None:
    (subscription,) = doctor.genesys.subscriptions.find_by_name(NAME)
    subscription["attributeFilter"] = f"queueId = '{OUR_QUEUES[0]}'"
    cross = doctor.crosses()["Subscription or integration"]
    assert "attributeFilter is" in cross["detail"]
    assert f"instead of \"queueId = '{QUEUE_ID}'\"" in cross["detail"]
    assert "watchdog (heal)" in cross["fix"]


def test_no_events_as_the_queue_id_does_not_match_exactly(before_deploy: Doctor) -> None:
    almost = QUEUE_ID[:-1] + "3"
    before_deploy.settings["queue_ids"] = almost
    cross = before_deploy.crosses()["Queues"]
    assert f"no queue has the id {almost}; similar: Support ({QUEUE_ID})" in cross["detail"]
    assert "must match exactly" in cross["fix"]
    assert "Admin > Contact Center > Queues" in cross["fix"]


def test_no_events_as_the_settings_have_a_queue_that_was_not_deployed(doctor: Doctor) -> None:
    doctor.settings["queue_ids"] = f"{QUEUE_ID},{OUR_QUEUES[0]}"
    check = doctor.run()["Deployed settings"]
    assert check["status"] == "warning"
    assert check["detail"] == "changed since the last deploy: queue_ids, attribute_filter"
    assert "make deploy STAGE=dev" in check["fix"]


def test_no_events_although_all_is_well_as_no_conversation_has_ended(doctor: Doctor) -> None:
    doctor.account.metrics.clear()
    check = doctor.run()["Recent messages"]
    assert check["status"] == "warning"
    assert "no message has arrived in the last 24 hours" in check["detail"]
    assert "no conversation has ended in these queues" in check["fix"]
    assert doctor.status == 0


def test_429_says_how_long_to_wait_and_to_use_an_own_client(doctor: Doctor) -> None:
    doctor.genesys.rate_limit = 0
    checks = doctor.run()
    crosses = [name for name, check in checks.items() if check["status"] == "failed"]
    assert crosses == ["Genesys Cloud login"]
    cross = checks["Genesys Cloud login"]
    assert "(429)" in cross["detail"]
    assert "Wait 60 s" in cross["fix"]
    assert "300 requests a minute" in cross["fix"]
    assert "a client of its own" in cross["fix"]


def test_429_in_the_middle_ends_the_questions_to_genesys_cloud(doctor: Doctor) -> None:
    doctor.genesys.rate_limit = 4
    checks = doctor.run()
    crosses = [name for name, check in checks.items() if check["status"] == "failed"]
    assert len(crosses) == 1
    assert "(429)" in checks[crosses[0]]["detail"]
    assert checks["Subscription or integration"]["status"] == "skipped"


def test_accumulation_as_the_action_raises_says_where_to_look(doctor: Doctor) -> None:
    doctor.account.metrics |= {"Failed": 7.0, "ApproximateAgeOfOldestMessage": 900.0}
    doctor.account.messages[QUEUE_URL] = 3
    cross = doctor.crosses()["Intake queue"]
    assert "3 waiting; the oldest is 900 s old" in cross["detail"]
    assert (
        "Messages fail and come back: 7 failed messages in the last 15 minutes" in cross["detail"]
    )
    assert "your action raises an error" in cross["fix"]
    assert "aws logs tail /logs/worker" in cross["fix"]
    assert "queue-ends dlq ls" in cross["fix"]


def test_accumulation_as_the_worker_itself_crashes_says_where_to_look(doctor: Doctor) -> None:
    doctor.account.metrics["Errors"] = 4.0
    doctor.account.messages[QUEUE_URL] = 3
    cross = doctor.crosses()["Intake queue"]
    assert "4 errors of the worker" in cross["detail"]
    assert "aws logs tail /logs/worker" in cross["fix"]


def test_failures_that_are_over_are_a_warning(doctor: Doctor) -> None:
    doctor.account.metrics["Failed"] = 1.0
    assert doctor.run()["Intake queue"]["status"] == "warning"


def test_old_messages_without_a_failure_accumulate(doctor: Doctor) -> None:
    doctor.account.metrics["ApproximateAgeOfOldestMessage"] = 900.0
    doctor.account.messages[QUEUE_URL] = 3
    assert "Messages accumulate" in doctor.crosses()["Intake queue"]["detail"]


def test_accumulation_as_the_mapping_is_disabled_says_how_to_enable_it(doctor: Doctor) -> None:
    assert doctor.account.mapping
    doctor.account.mapping |= {"State": "Disabled", "StateTransitionReason": "User action"}
    doctor.account.messages[QUEUE_URL] = 3
    crosses = doctor.crosses()
    assert crosses.keys() == {"Event source mapping", "Intake queue"}
    assert "Disabled" in crosses["Event source mapping"]["detail"]
    assert (
        "update-event-source-mapping --uuid m-1 --enabled" in crosses["Event source mapping"]["fix"]
    )
    assert "3 waiting. Messages accumulate" in crosses["Intake queue"]["detail"]


def test_messages_that_were_given_up_wait_in_the_dead_letter_queue(doctor: Doctor) -> None:
    doctor.account.messages[DEAD_URL] = 2
    check = doctor.run()["Dead letters"]
    assert check["status"] == "warning"
    assert check["detail"].startswith("2 in queue-ends-dev-dead")
    assert "queue-ends dlq ls" in check["fix"]
