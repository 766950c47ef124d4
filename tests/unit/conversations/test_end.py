"""An end's id is unique to the end, and legal wherever a key is written."""

import re

from hypothesis import given
from hypothesis import strategies as st

from conversations.end import make_end_id

# Ids may be any string. Joining these carelessly makes some of them equal.
IDS = [
    *":.%12Aaée😀 \r\n\0\"',[]",
    "::",
    "%3A",
    "a:",
    ":a",
    'a"',
    '",',
    "a,1",
    "11",
    "c",
    "q",
    "cq",
]
TIMES = [-1, 0, 1, 11, 1_795_428_000_000, 1_795_428_000_001]


def test_ends_that_differ_in_conversation_queue_or_time_have_different_ids() -> None:
    identities = [(c, q, at_ms) for c in IDS for q in IDS for at_ms in TIMES]
    assert len({make_end_id(*identity) for identity in identities}) == len(identities)


@given(st.text(), st.text(), st.integers(0, 253_402_300_799_999))
def test_an_id_has_32_hexadecimal_digits_and_is_the_same_each_time(
    conversation_id: str, queue_id: str, ended_at_ms: int
) -> None:
    end_id = make_end_id(conversation_id, queue_id, ended_at_ms)
    assert re.fullmatch(r"[0-9a-f]{32}", end_id)
    assert make_end_id(conversation_id, queue_id, ended_at_ms) == end_id


def test_an_id_never_changes_between_versions() -> None:
    """Receivers keep ids for years. The expected value was calculated with `sha256sum`."""
    end_id = make_end_id("b9d1f6a2-0000-4000-8000-00000000000a", "a1b2c3d4", 1_795_428_000_000)
    assert end_id == "368af16159e01602548c95c18b3ff5a7"
