"""How much of an answer is read, for how long, and which ids may become a part of a path."""

import gzip
from time import monotonic
from typing import Any

import pytest

from deadline import Deadline
from genesys.client import LOGIN_PATH, GenesysClient
from genesys.credentials import Credentials
from genesys.errors import AnswerTooLong, GenesysError, Unreachable
from genesys.http import answers
from genesys.http.answers import MAX_BODY_BYTES, MAX_ERROR_BYTES, MAX_VALUES
from genesys.shapes import MAX_ID_CHARACTERS, entity_path
from local.http.messages import Answer, Fate
from tests.fakes.clock import Clock
from tests.unit.genesys.conftest import Api


def text_of(length: int) -> bytes:
    """Return the JSON of a string, with this many bytes."""
    return b'"' + b"x" * (length - 2) + b'"'


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("excess", [0, 1])
def test_an_answer_is_read_up_to_a_limit_of_its_decompressed_bytes(
    client: GenesysClient, api: Api, compressed: bool, excess: int
) -> None:
    body = text_of(MAX_BODY_BYTES + excess)
    headers = {"Content-Encoding": "GZIP"} if compressed else {}
    api.script(Answer(200, gzip.compress(body, 1) if compressed else body, headers))
    if not excess:
        assert len(client.request("GET", "/x")) == MAX_BODY_BYTES - 2
        return
    with pytest.raises(AnswerTooLong, match="200: the response has more than 8,388,608 bytes"):
        client.request("GET", "/x")


def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    client: GenesysClient, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "MAX_BODY_BYTES", 10)
    # The end never comes.
    api.script(Answer(200, text_of(11), fate="cut"))
    with pytest.raises(AnswerTooLong):
        client.request("GET", "/x")


def test_an_answer_of_too_many_short_values_is_not_decoded(client: GenesysClient, api: Api) -> None:
    api.script(
        Answer(200, b"[0" + b",0" * (MAX_VALUES - 1) + b"]"),
        Answer(200, b"[0" + b",0" * MAX_VALUES + b"]"),
    )
    assert len(client.request("GET", "/x")) == MAX_VALUES
    with pytest.raises(AnswerTooLong, match="more than 699,050 values"):
        client.request("GET", "/x")


def test_a_long_error_is_an_error_without_its_message(client: GenesysClient, api: Api) -> None:
    message = "m" * MAX_ERROR_BYTES
    api.script(Answer(500, {"message": message}, reason="Oops"), Answer(500, {"message": "short"}))
    with pytest.raises(GenesysError, match="500: Oops"):
        client.request("GET", "/x")
    with pytest.raises(GenesysError, match="500: short"):
        client.request("GET", "/x")


def test_only_gzip_is_requested_and_read(client: GenesysClient, api: Api) -> None:
    api.script(Answer(200, b"x", {"Content-Encoding": "br, gzip"}))
    with pytest.raises(GenesysError, match="is not encoded as gzip"):
        client.request("GET", "/x")
    assert {one.headers["Accept-Encoding"] for one in api.http.requests} == {"gzip"}


@pytest.mark.parametrize("fate", ["dripping head", "dripping body"])
@pytest.mark.parametrize("at_login", [False, True])
def test_an_answer_that_drips_ends_at_the_deadline(
    clock: Clock, api: Api, fate: Fate, at_login: bool
) -> None:
    ends_at = monotonic() + 0.3  # a real time, after which 15 bytes have come
    deadline = Deadline(lambda: ends_at - monotonic(), clock.sleep)
    client = GenesysClient(api.http.url, api.http.url, Credentials("i", "the-s3cret"), deadline)
    drips: Any = Answer(200, text_of(1000), fate=fate)
    api.logins = [drips] * 3 if at_login else []
    api.script(*[drips] * 3)
    with pytest.raises(Unreachable, match=LOGIN_PATH if at_login else "GET /x"):
        client.request("GET", "/x")


@pytest.mark.parametrize("entity_id", ["sub-1", "0f8f-ad5b", "a.b_c~d:e", "i" * MAX_ID_CHARACTERS])
def test_an_id_is_the_last_part_of_a_path(entity_id: str) -> None:
    assert entity_path("/list", entity_id) == f"/list/{entity_id.replace(':', '%3A')}"


@pytest.mark.parametrize(
    "entity_id",
    [
        "",
        ".",
        "..",
        "../../users/me?x=",
        "..%2F..%2Fusers%2Fme",
        "a/b",
        "a\\b",
        "a?b",
        "a#b",
        "a b",
        "a\n",
        "é",
        "…",
        "i" * (MAX_ID_CHARACTERS + 1),
        None,
        5,
        ["a"],
    ],
)
def test_an_id_that_could_change_the_path_is_refused(entity_id: Any) -> None:
    with pytest.raises(GenesysError, match=r"GET /list .*200: the response has no usable id"):
        entity_path("/list", entity_id)
