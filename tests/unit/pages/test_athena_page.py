"""The page on SQL: its table fits the archive's lines, and its queries give the right numbers."""

import dataclasses
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from conversations.end import ConversationEnd
from destinations.archive import Archive
from tests.bodies import OTHER_QUEUE, QUEUE
from tests.detailed_ends import (
    RESOLVED,
    complete_end,
    make_metrics,
    make_participant,
    missing_end,
)
from tests.fakes.aws.firehose import STREAM, FakeFirehose
from tests.fakes.clock import Clock
from tests.fakes.ends import sample_end

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/athena.md").read_text(encoding="utf-8")
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/conversation-end.schema.json").read_text())
TABLE, HEAD, *_ = re.findall(r"^```sql\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
QUERIES: dict[str, str] = dict(
    re.findall(r"^### (.+?)\n.*?^```sql\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL)
)
ANOTHER_CODE = "c4d0b6a2-91e7-4f35-a7c8-0d5e2f6b1a03"


# The table


def columns_in(table: str) -> dict[str, str]:
    """Return the columns of a table definition: their types by name, without white space."""
    column_list = table.partition("(")[2].partition("\n)")[0]
    columns, depth, start = [], 0, 0
    for position, character in enumerate(column_list + ","):
        depth += (character == "<") - (character == ">")
        if character == "," and not depth:
            columns.append(column_list[start:position].split(None, 1))
            start = position + 1
    return {name: re.sub(r"\s", "", hive_type) for name, hive_type in columns}


def hive_type_of(schema: dict[str, Any]) -> str:
    """Return the Hive type for the values of a JSON Schema."""
    kind = schema.get("type", "string")
    if kind == "array":
        return f"array<{hive_type_of(schema['items'])}>"
    if kind == "object":
        fields = [name for name in schema["properties"] if name in schema["required"]]
        members = ",".join(f"{n}:{hive_type_of(schema['properties'][n])}" for n in fields)
        return f"struct<{members}>"
    return "bigint" if kind in ("integer", "number") else "string"


def duckdb_type_of(hive_type: str) -> str:
    """Return DuckDB's name for a Hive type."""
    if match := re.fullmatch(r"array<(.+)>", hive_type):
        return f"{duckdb_type_of(match[1])}[]"
    if match := re.fullmatch(r"struct<(.+)>", hive_type):
        members = re.findall(r"(\w+):((?:array<)?\w+>?)(?:,|$)", match[1])
        return f"STRUCT({', '.join(f'{name} {duckdb_type_of(kind)}' for name, kind in members)})"
    return {"string": "VARCHAR", "bigint": "BIGINT"}[hive_type]


def test_the_table_has_the_fields_of_the_schema_without_raw() -> None:
    details = {
        name: {"type": "array", "items": SCHEMA["$defs"][name.removesuffix("s")]}
        for name in ("participants", "metrics")
    }
    fields = {name: schema for name, schema in SCHEMA["properties"].items() if name != "raw"}
    expected = {name: hive_type_of(schema) for name, schema in (fields | details).items()}
    assert columns_in(TABLE) == expected
    assert list(columns_in(TABLE)) == list(expected)


def test_the_table_has_the_folders_that_firehose_writes() -> None:
    archive = (ROOT / "infra/destinations/archive.py").read_text(encoding="utf-8")
    (prefix,) = re.findall(r' prefix="(.+)"', archive)
    (day_format,) = re.findall(r"'projection\.day\.format' = '(.+)'", TABLE)
    (template,) = re.findall(r"'storage\.location\.template' = 's3://BUCKET/(.+)'", TABLE)
    assert prefix == template.replace("${day}", f"!{{timestamp:{day_format}}}")
    assert f"LOCATION 's3://BUCKET/{prefix.partition('/')[0]}/'" in TABLE


def test_the_page_names_the_personal_fields_that_the_table_leaves_out() -> None:
    participant = SCHEMA["$defs"]["participant"]
    personal = participant["properties"].keys() - {*participant["required"]}
    types = {f"`{n}:{hive_type_of(participant['properties'][n])}`" for n in personal}
    assert [text for text in sorted(types) if text not in PAGE] == []


# The queries


def at(
    day: int, number: int, end: ConversationEnd, queue_id: str = QUEUE, **changes: Any
) -> ConversationEnd:
    """Return an end of its own, at 10 o'clock of a day of November."""
    return dataclasses.replace(
        end,
        conversation_id=f"c-{number}",
        queue_id=queue_id,
        ended_at=f"2026-11-{day}T10:00:00.000Z",
        end_id=f"{number:032x}",
        **changes,
    )


def agent(queue_id: str, *codes: str) -> dict[str, Any]:
    return make_participant("p-9", "agent", queue_ids=[queue_id], wrapup_codes=list(codes))


ANSWERED = at(23, 1, complete_end())
TRANSFERRED = at(
    24,
    2,
    complete_end(),
    participants=[agent(QUEUE, RESOLVED, RESOLVED), agent(OTHER_QUEUE, ANOTHER_CODE)],
    metrics=make_metrics(tAcw=1, tHandle=100_000),
)
GAVE_UP = at(24, 3, complete_end(), participants=[], metrics=make_metrics(tAbandon=45_000))
ELSEWHERE = at(
    24,
    4,
    complete_end(personal=True),
    OTHER_QUEUE,
    participants=[agent(OTHER_QUEUE, ANOTHER_CODE)],
    metrics=make_metrics(tHandle=60_500),
    queue_name=None,
)
WITHOUT_DETAILS = [at(24, 5, missing_end()), at(24, 6, sample_end())]
WITHOUT_LISTS = at(25, 7, sample_end(), participants=[], metrics=[], source="eventbridge")
TOO_LATE = at(30, 8, complete_end())
# After a crash, an end can be written without its details first.
REPEATED = dataclasses.replace(
    ANSWERED, participants=[], metrics=[], details="missing", conversation_start=None
)
FILES = {
    "2026/11/23": [REPEATED, ANSWERED],
    "2026/11/24": [ANSWERED, TRANSFERRED, GAVE_UP, ELSEWHERE, ELSEWHERE, *WITHOUT_DETAILS],
    # The worker was updated in the middle of this day.
    "2026/11/25": [WITHOUT_LISTS],
    "2026/11/26": [at(23, 9, sample_end())],
    "2026/11/30": [TOO_LATE],
    "2026/12/01": [at(29, 10, complete_end())],
}
OLD_DAYS = {"2026/11/25", "2026/11/26"}

EXPECTED = {
    "Ends per queue and day": [
        (QUEUE, "Support Queue", "2026-11-23", 2),
        (QUEUE, "Support Queue", "2026-11-24", 4),
        (QUEUE, "Support Queue", "2026-11-25", 1),
        (OTHER_QUEUE, None, "2026-11-24", 1),
    ],
    "Average handle time": [(QUEUE, 2, 190.1), (OTHER_QUEUE, 1, 60.5)],
    "Abandoned": [(QUEUE, 3, 1), (OTHER_QUEUE, 1, 0)],
    "Wrap-up codes": [(QUEUE, RESOLVED, 2), (OTHER_QUEUE, ANOTHER_CODE, 1)],
    "Ends with and without details": [("complete", 4), ("missing", 1), ("none", 3)],
    "Repeated lines": [(11, 8)],
}


def archived(end: ConversationEnd) -> bytes:
    """Return the line that the destination writes for an end."""
    firehose = FakeFirehose()
    archive = Archive(firehose, STREAM)  # type: ignore[arg-type]
    list(archive.deliver([end], Clock().deadline(9)))
    (record,) = firehose.taken
    line: bytes = record["Data"]
    return line


def as_before(line: bytes) -> bytes:
    """Return a line as the worker wrote it before ends had details."""
    end = json.loads(line)
    del end["details"], end["conversation_start"]
    return json.dumps(end).encode() + b"\n"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bucket")
    for day, ends in FILES.items():
        lines = [archived(end) for end in ends]
        file = folder / "ends" / day / "queue-ends-1.gz"
        file.parent.mkdir(parents=True)
        file.write_bytes(
            gzip.compress(b"".join(map(as_before, lines) if day in OLD_DAYS else lines))
        )
    return folder


def in_duckdb(query: str) -> str:
    """Return a query in DuckDB's SQL; the page explains the three changes."""
    query = re.sub(
        r"CROSS JOIN UNNEST\((.+?)\) AS (\w+ \()",
        r"CROSS JOIN LATERAL (SELECT unnest(\1, max_depth := 2)) AS \2",
        query,
        flags=re.DOTALL,
    )
    query = re.sub(r"\b(transform|filter)\(", r"list_\1(", query)
    return re.sub(r"\b(\w+) -> ", r"lambda \1: ", query)


def run(query: str, bucket: Path, table: str = TABLE) -> list[tuple[Any, ...]]:
    """Run a query of the page on a bucket's files, read by the columns of a table definition."""
    columns = {name: duckdb_type_of(kind) for name, kind in columns_in(table).items()}
    with duckdb.connect() as connection:
        files = connection.read_json(
            f"{bucket}/ends/*/*/*/*.gz",
            columns=columns,
            format="newline_delimited",
            filename=True,
        )
        files.create_view("files")
        connection.execute(
            "CREATE VIEW conversation_ends AS SELECT * EXCLUDE (filename), "
            "regexp_extract(filename, 'ends/(.+)/', 1) AS day FROM files"
        )
        return connection.execute(in_duckdb(HEAD + query)).fetchall()


def test_every_query_of_the_page_is_tried() -> None:
    assert QUERIES.keys() == EXPECTED.keys()
    assert PAGE.count("```sql") == len(QUERIES) + 2


@pytest.mark.parametrize("subject", EXPECTED)
def test_a_query_gives_the_numbers_of_the_archived_ends(subject: str, bucket: Path) -> None:
    assert run(QUERIES[subject], bucket) == EXPECTED[subject]


def test_the_table_shows_an_end_as_it_was_delivered(bucket: Path) -> None:
    query = "SELECT * FROM ends WHERE conversation_id = 'c-1'"
    delivered = [getattr(ANSWERED, name) for name in columns_in(TABLE)]
    ((*shown, _day, _line_number),) = run(query, bucket)
    assert shown == delivered


def test_the_table_shows_no_details_in_lines_from_before_them(bucket: Path) -> None:
    query = "SELECT details, conversation_start FROM ends WHERE day IN ('2026/11/25', '2026/11/26')"
    assert run(query, bucket) == [(None, None)] * 2


def _without(column: str) -> Callable[[str], str]:
    return lambda table: re.sub(rf"^  {column} .+\n?", "", table, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        pytest.param(_without("details"), "Abandoned", id="a missing column"),
        pytest.param(_without("metrics"), "Average handle time", id="a missing list"),
        pytest.param(
            lambda table: table.replace("wrapup_codes:", "wrapupCodes:"),
            "Wrap-up codes",
            id="a field of another name",
        ),
        pytest.param(
            lambda table: table.replace("wrapup_codes:array<string>", "wrapup_codes:bigint"),
            "Wrap-up codes",
            id="a field of another type",
        ),
        pytest.param(
            lambda table: table.replace("value:bigint", "value:string"),
            "Average handle time",
            id="a text instead of a number",
        ),
    ],
)
def test_a_query_fails_on_a_table_with_a_wrong_column(
    change: Callable[[str], str], subject: str, bucket: Path
) -> None:
    table = change(TABLE)
    assert table != TABLE
    with pytest.raises(duckdb.Error):
        run(QUERIES[subject], bucket, table)
