"""The ledger's table."""

from tests.infra.stacks import Stack


def test_an_item_is_found_by_conversation_and_queue_and_expires(stack: Stack) -> None:
    properties = stack.properties("Ledger/Table")
    assert properties["KeySchema"] == [
        {"AttributeName": "conversation_id", "KeyType": "HASH"},
        {"AttributeName": "queue_id", "KeyType": "RANGE"},
    ]
    assert {a["AttributeType"] for a in properties["AttributeDefinitions"]} == {"S"}
    assert properties["TimeToLiveSpecification"] == {
        "AttributeName": "expires_at",
        "Enabled": True,
    }


def test_the_table_is_paid_by_use_and_can_be_taken_back_to_any_second(stack: Stack) -> None:
    properties = stack.properties("Ledger/Table")
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_the_time_to_take_the_table_back_can_be_shortened_or_given_up(
    tuned: Stack, company: Stack
) -> None:
    shortened, given_up = (
        synthesised.properties("Ledger/Table")["PointInTimeRecoverySpecification"]
        for synthesised in (tuned, company)
    )
    assert shortened == {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 7}
    assert given_up == {"PointInTimeRecoveryEnabled": False}


def test_the_tables_name_is_left_to_cloudformation(stack: Stack, tuned: Stack) -> None:
    for synthesised in (stack, tuned):
        assert "TableName" not in synthesised.properties("Ledger/Table")


def test_only_a_protected_table_refuses_to_be_deleted(stack: Stack, tuned: Stack) -> None:
    assert not stack.properties("Ledger/Table").get("DeletionProtectionEnabled")
    assert tuned.properties("Ledger/Table")["DeletionProtectionEnabled"] is True
