"""The documents' statements that can be checked: links, commands, messages, figures."""

import ast
import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from destinations.webhook_signature import parse_keys, sign
from infra.settings.retries import duration_in_words, outage_seconds

ROOT = Path(__file__).parents[3]
PLACES = ("*.md", ".github/**/*.md", "docs/**/*.md", "tests/**/README.md")
DOCUMENTS = sorted(path for place in PLACES for path in ROOT.glob(place))
TEXTS = {path: path.read_text(encoding="utf-8") for path in DOCUMENTS}
README = TEXTS[ROOT / "README.md"]
ONCE = TEXTS[ROOT / "docs/once.md"]
TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
KEY, OTHER_KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT))
)


def links_in(document: Path) -> Iterator[tuple[str, Path, str]]:
    """Yield each link within the project: as written, its file or folder, its fragment."""
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXTS[document]):
        if not link.startswith("https://"):
            path, _, fragment = link.partition("#")
            yield link, (document.parent / path).resolve() if path else document, fragment


def anchors_of(document: Path) -> set[str]:
    """Return the fragments that lead to a document's headings and marked places."""
    text = re.sub(r"^```.*?^```", "", TEXTS[document], flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@each_document
def test_every_link_within_the_project_leads_somewhere(document: Path) -> None:
    for link, target, fragment in links_in(document):
        assert target.exists(), link
        assert not fragment or fragment in anchors_of(target), link


@each_document
def test_every_path_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`((?:docs|functions|infra|local|tests)/[\w./-]*)`", TEXTS[document])
    assert [path for path in named if not (ROOT / path).exists()] == []


@each_document
def test_every_make_command_is_a_target(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:[`$]|&&) ?make\s+([a-z]+)", TEXTS[document]))
    assert named - targets == set()


def test_every_document_is_listed() -> None:
    index, decisions = ROOT / "docs/README.md", ROOT / "docs/decisions/README.md"
    listed = {target for page in (index, decisions) for _, target, _ in links_in(page)}
    pages = {path for path in DOCUMENTS if path.parent == ROOT or ROOT / "docs" in path.parents}
    assert pages - listed == {index}


def test_readme_has_at_most_210_lines() -> None:
    assert len(README.splitlines()) <= 210


def test_every_folder_of_tests_has_a_readme() -> None:
    folders = {path for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert {path for path in folders if not path.name.startswith("__")} == {
        path.parent for path in DOCUMENTS if path.parent in folders
    }


@pytest.mark.parametrize("floor", ["functions", "infra", "local"])
def test_the_page_on_architecture_names_every_room(floor: str) -> None:
    rooms = {path.parent.name for path in (ROOT / floor).glob("*/__init__.py")}
    named = set(re.findall(r"`(\w+)/`", TEXTS[ROOT / "docs/architecture.md"]))
    assert rooms
    assert rooms - named == set()


# The table of troubles


def rows() -> list[tuple[str, str]]:
    """Return anchor and symptom of each row."""
    lines = re.findall(r"^\| (.+?) \|", TEXTS[TROUBLESHOOTING], re.MULTILINE)
    found = [re.fullmatch(r'<a id="([a-z-]+)"></a>(.+)', line) for line in lines]
    return [(match[1], match[2]) for match in found if match]


def texts_of_the_code() -> list[str]:
    """Return the texts in functions/ and infra/, with `…` for the parts that differ."""
    texts = []
    for path in (*(ROOT / "functions").rglob("*.py"), *(ROOT / "infra").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            match node:
                case ast.Constant(str(text)) if id(node) not in docstrings:
                    texts.append(text)
                case ast.JoinedStr(parts):
                    texts.append(
                        "".join(str(p.value) if isinstance(p, ast.Constant) else "…" for p in parts)
                    )
    return texts


def test_every_row_of_troubles_has_an_anchor_of_its_own() -> None:
    lines = re.findall(r"^\| (?!you see|---)", TEXTS[TROUBLESHOOTING], re.MULTILINE)
    assert len({anchor for anchor, _ in rows()}) == len(lines) > 28


def test_every_row_of_troubles_is_linked_from_where_it_belongs() -> None:
    linked = {
        fragment
        for document in DOCUMENTS
        if document != TROUBLESHOOTING
        for _, target, fragment in links_in(document)
        if target == TROUBLESHOOTING
    }
    assert {anchor for anchor, _ in rows()} - linked == set()


def test_every_quoted_message_is_a_text_of_the_code() -> None:
    quoted = [words for _, symptom in rows() for words in re.findall(r"\*(.+?)\*", symptom)]
    texts = texts_of_the_code()

    assert len(quoted) > 20
    assert [q for q in quoted if not any(q.strip(" …") in text for text in texts)] == []


# Once


def row(label: str) -> list[int]:
    """Return the figures in a row of a table."""
    (line,) = re.findall(rf"^\| {re.escape(label)} \|(.+)\|$", ONCE, re.MULTILINE)
    return [int(cell) for cell in line.split("|") if cell.strip()]


def test_the_table_of_tries_has_the_delays_of_the_default_settings() -> None:
    tries, delays, moments = row("try"), row("delay before it, s"), row("after the first, s")

    assert tries == list(range(1, 13))
    assert moments == [outage_seconds(30, receives) for receives in tries]
    assert delays == [later - earlier for earlier, later in itertools.pairwise(moments)]


@pytest.mark.parametrize("receives", [12, 30])
def test_the_text_names_the_longest_outage(receives: int) -> None:
    assert duration_in_words(outage_seconds(30, receives)) in " ".join(ONCE.split())


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
def test_the_documented_check_accepts_genuine_webhooks_alone(
    signed_with: str, age: int, body: bytes, genuine: bool
) -> None:
    (lines,) = re.findall(r"```python\n(.+?)```", ONCE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(lines, "once.md", "exec"), names)  # noqa: S102 - our own document
    sent_at = int(time.time()) - age
    headers = {
        "webhook-id": "c:q:1",
        "webhook-timestamp": str(sent_at),
        "webhook-signature": sign(parse_keys(signed_with), "c:q:1", sent_at, b"{}"),
    }

    assert names["is_genuine"](headers, body, KEY) is genuine
