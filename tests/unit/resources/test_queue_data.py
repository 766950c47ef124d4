"""The names of queues are shortened to fit AWS's limits, and labels are safe in a dashboard."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.response import MAX_BYTES, Response
from resources.queue_data import QueueData, json_size, make_label, make_queue_data

IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(50)]
ROOM = 1_200


def make(*names: str, room: int = ROOM, problem: str = "") -> QueueData:
    ids = IDS[: len(names)]
    known = {queue_id: name for queue_id, name in zip(ids, names, strict=True) if name}
    return make_queue_data(ids, known, environment_bytes=room, problem=problem)


def response_size(data: QueueData) -> int:
    """Return the size of a response whose other fields are as long as they can be."""
    longest_host = f"api.{'d' * 240}"
    event = {
        "StackId": "arn:aws-us-gov:cloudformation:ap-northeast-1:111122223333:stack/"
        f"QueueEnds-{'s' * 62}/{IDS[0]}",
        "RequestId": IDS[0],
        "LogicalResourceId": "SubscriptionQueueNames0123ABCD",
    }
    response = Response(
        "SUCCESS", f"nothing-created/queue-names/{longest_host}", data=data.attributes()
    )
    return len(response.body(event))


def test_names_and_labels_are_in_the_order_of_the_ids() -> None:
    data = make("Support", "Billing")
    assert data.names == "Support\nBilling"
    assert data.labels == "Support (0000…)|Billing (0000…)"
    assert data.summary == "Support (0000…), Billing (0000…)"
    assert (data.problem, data.left_out) == ("", ())


def test_a_queue_without_a_known_name_has_an_empty_line_and_its_id_as_label() -> None:
    data = make("Support", "", problem="One is not found.")
    assert data.names == "Support\n"
    assert data.labels.split("|")[1] == IDS[1]
    assert data.summary == data.problem == "One is not found."


def test_without_any_name_the_names_are_empty() -> None:
    data = make("", "", "")
    assert data.names == ""
    assert data.labels.split("|") == IDS[:3]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Support", "Support (0000…)"),
        ('The "big" one', "The big one (0000…)"),
        ("C:\\queues", "C:queues (0000…)"),
        ("${LAST} at $5", "LAST at 5 (0000…)"),
        ("{{resolve:ssm:x}}", "resolve:ssm:x (0000…)"),
        ("Kundendienst für Großkunden und Öffentliche", "Kundendienst für Großkunden und… (0000…)"),
        ("お客様サポート", "お客様サポート (0000…)"),
        ("a|b", "ab (0000…)"),
        ('"\\$', IDS[0]),
    ],
)
def test_a_label_is_short_and_has_no_character_with_a_meaning_in_a_dashboard(
    name: str, expected: str
) -> None:
    assert make_label(IDS[0], name) == expected
    assert len(expected) <= 40


def test_line_breaks_and_control_characters_are_spaces_in_a_name() -> None:
    assert make("a\nb\tc\u2028d\x00e\ud800f\u202eg\u2066h").names == "a b c d e f g h"
    assert make("\u200e\U0001f469\u200d\U0001f467").names == "\u200e\U0001f469\u200d\U0001f467"


def test_a_name_is_never_a_dynamic_reference() -> None:
    assert "{{" not in make("{{resolve:secretsmanager:x}}").names


def test_names_that_overfill_the_environment_are_left_out_the_longest_first() -> None:
    data = make("Support", "x" * 60, "Billing", "y" * 40, room=20)
    assert data.names == "Support\n\nBilling\n"
    assert data.left_out == (IDS[1], IDS[3])
    assert data.labels.split("|")[1].startswith("xxxx")


def test_without_room_for_any_name_all_names_are_left_out() -> None:
    data = make("Support", "Billing", room=0)
    assert data.names == ""
    assert sorted(data.left_out) == IDS[:2]
    assert data.labels == "Support (0000…)|Billing (0000…)"


def test_labels_are_cut_before_a_name_is_left_out() -> None:
    data = make(*["Support for partners"] * 50)
    assert data.left_out == ()
    assert {len(label) for label in data.labels.split("|")} == {18}
    assert response_size(data) <= MAX_BYTES


def test_a_summary_of_many_queues_counts_those_that_it_does_not_name() -> None:
    data = make(*[f"Queue number {number}" for number in range(50)])
    assert data.summary.endswith(" more")
    shown = data.summary.count("(")
    assert data.summary.endswith(f" and {50 - shown} more")
    assert json_size(data.summary) < 700


@given(
    names=st.lists(st.text(max_size=200), min_size=1, max_size=50),
    room=st.integers(min_value=0, max_value=4_000),
)
def test_any_names_fit_and_are_safe(names: list[str], room: int) -> None:
    data = make(*names, room=room)
    assert json_size(data.names) <= room
    assert response_size(data) <= MAX_BYTES
    labels = data.labels.split("|")
    assert len(labels) == len(names)
    assert all(0 < len(label) <= 40 for label in labels)
    assert json.loads(f'"{data.labels}"') == data.labels
    assert not set(data.labels) & set('"\\${}')
    assert data.names.count("\n") == (len(names) - 1 if data.names else 0)


def test_fifty_ids_without_names_fit() -> None:
    data = make_queue_data([f"{n:x>64}" for n in range(50)], {}, environment_bytes=0, problem="p")
    assert response_size(data) <= MAX_BYTES
    assert len(data.labels.split("|")) == 50
