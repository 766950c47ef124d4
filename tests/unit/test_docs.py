"""What the documents say that can be checked: links, figures, and the lines that verify."""

import itertools
import re
import time
from pathlib import Path

import pytest

from destinations.webhook_signature import keys_of, signature
from infra.settings.retries import in_words, outage_seconds

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ONCE = (ROOT / "docs/once.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s]+)\)")
KEY, OTHER_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


def anchors_of(document: Path) -> set[str]:
    """Return the fragments that lead to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not fragment or fragment in anchors_of(target), link


def test_the_reasons_of_failed_deploys_are_those_that_are_given() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "functions").rglob("*.py"))
    given = re.sub(r'"\s*\n\s*f?"', "", code)  # texts are written in pieces
    readme = DOCUMENTS[0].read_text(encoding="utf-8")
    shown = re.findall(r"^\| deploy: (.+?) \|", readme, re.MULTILINE)
    quoted = [words.strip(" …") for cell in shown for words in re.findall(r"\*(.+?)\*", cell)]

    assert len(quoted) > len(shown) > 5
    assert [words for words in quoted if words not in given] == []


def row(label: str) -> list[int]:
    """Return the figures in a row of a table."""
    (line,) = re.findall(rf"^\| {re.escape(label)} \|(.+)\|$", ONCE, re.MULTILINE)
    return [int(cell) for cell in line.split("|") if cell.strip()]


def test_the_tries_are_when_the_table_says() -> None:
    tries, delays, moments = row("try"), row("delay before it, s"), row("after the first, s")

    assert tries == list(range(1, 13))
    assert moments == [outage_seconds(30, receives) for receives in tries]
    assert delays == [later - earlier for earlier, later in itertools.pairwise(moments)]


@pytest.mark.parametrize("receives", [12, 30])
def test_the_longest_outage_is_what_the_text_says(receives: int) -> None:
    assert in_words(outage_seconds(30, receives)) in " ".join(ONCE.split())


@pytest.mark.parametrize(
    ("signed_with", "age", "body", "genuine"),
    [
        pytest.param(KEY, 0, b"{}", True, id="as it was sent"),
        pytest.param(f"{OTHER_KEY} {KEY}", 0, b"{}", True, id="signed with two keys"),
        pytest.param(OTHER_KEY, 0, b"{}", False, id="signed with another key"),
        pytest.param(KEY, 0, b"[]", False, id="another body"),
        pytest.param(KEY, 400, b"{}", False, id="an old one sent again"),
    ],
)
def test_the_lines_that_verify_a_webhook_do(
    signed_with: str, age: int, body: bytes, genuine: bool
) -> None:
    (lines,) = re.findall(r"```python\n(.+?)```", ONCE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(lines, "once.md", "exec"), names)  # noqa: S102 - our own document
    sent_at = int(time.time()) - age
    headers = {
        "webhook-id": "c:q:1",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": signature(keys_of(signed_with), "c:q:1", sent_at, b"{}"),
    }

    assert names["is_genuine"](headers, body, KEY) is genuine
