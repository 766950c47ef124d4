"""The cost model of the benchmark has the facts of the default stack."""

from bench.cost.model import load_stack
from infra.settings.settings import KEYS
from tests.infra.stacks import Stack


def test_the_cost_model_counts_the_alarms_and_the_dashboard_of_the_stack(stack: Stack) -> None:
    counted = load_stack()

    assert counted["alarms"] == len(stack.of_type("AWS::CloudWatch::Alarm"))
    assert counted["composite_alarms"] == len(stack.of_type("AWS::CloudWatch::CompositeAlarm"))
    assert counted["dashboards"] == len(stack.of_type("AWS::CloudWatch::Dashboard"))
    assert counted["ledger_days"] == KEYS["ledger_days"].default
