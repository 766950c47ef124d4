"""The page on security: each threat has a control and a test that exists, and figures are right."""

import re
from pathlib import Path

import pytest

from bench.cost.model import load_prices
from destinations.webhook_connection import MAX_BODY_BYTES as MAX_WEBHOOK_BYTES
from destinations.webhook_connection import MAX_BODY_SECONDS
from destinations.webhook_signature import MAX_KEY_BYTES, MIN_KEY_BYTES
from genesys.http.answers import MAX_BODY_BYTES, MAX_ERROR_BYTES, MAX_VALUES
from genesys.http.sessions import MAX_ANSWER_SECONDS
from genesys.shapes import MAX_ID_CHARACTERS
from provisioner.response import MAX_BYTES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
THREATS = [
    [cell.strip() for cell in row.split("|")]
    for row in re.findall(
        r"^\| (.+) \|$", PAGE.split("\n## Threats\n")[1].split("\n## ")[0], re.MULTILINE
    )
][2:]


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """Return the names of all tests of the project."""
    sources = (file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    return {name for source in sources for name in re.findall(r"def (test_\w+)\(", source)}


def test_each_threat_has_a_control_and_a_test() -> None:
    assert len(THREATS) > 15
    for threat, control, named in THREATS:
        assert threat.endswith(".")
        assert control
        assert re.fullmatch(r"`test_\w+`( `test_\w+`)*", named), threat


def test_each_test_that_the_page_names_exists(tests: set[str]) -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - tests == set()


def test_the_cost_of_a_flood_follows_from_the_prices() -> None:
    prices = load_prices()
    (log_bytes,) = re.findall(r"about (\d+) bytes of log", PAGE)
    # A million messages in batches of ten; each batch is received, sent and deleted at once.
    batches = 0.1
    cents = [
        3 * batches * prices["sqs"]["million_requests"] * 100,
        int(log_bytes) / 1000 * prices["cloudwatch"]["log_gb"] * 100,
        batches * prices["lambda"]["million_requests"] * 100,
    ]
    words = "about {:.0f} cents for SQS, {:.0f} for logs and {:.0f} for invocations".format(*cents)
    assert words in " ".join(PAGE.split())


def test_the_limits_on_the_page_are_those_of_the_code() -> None:
    page = " ".join(PAGE.split())
    answers = [
        f"An answer may take {MAX_ANSWER_SECONDS:.0f} seconds",
        f"have {MAX_BODY_BYTES >> 20} MiB when it is decompressed",
        f"an error may have {MAX_ERROR_BYTES >> 10} KiB",
        f"about {round(MAX_VALUES, -5):,} values",
        f"at most {MAX_ID_CHARACTERS} characters",
        f"at most {MAX_BYTES:,} bytes",
    ]
    webhook = [
        f"A key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes",
        f"at most {MAX_WEBHOOK_BYTES >> 10} KB of the body, for at most half a second",
    ]
    assert [words for words in answers + webhook if words not in page] == []
    assert MAX_BODY_SECONDS == 0.5
