"""The search for secrets finds each one in every spelling and container, and nothing else."""

import base64
import gzip
import io
import json
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from urllib.parse import quote, quote_plus

import pytest

from tests.secret_search import SecretSearch

SECRET = "S3cr3t/of+the=org\"'&<ü"
OTHER = "tk-canary-0f-the-login"


@pytest.fixture
def search() -> SecretSearch:
    return SecretSearch({"secret": SECRET.encode(), "token": OTHER.encode()})


def zipped(content: bytes, **names: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("harmless.txt", b"nothing of the kind")
        packed.writestr(names.get("name", "file.bin"), content)
    return archive.getvalue()


def in_json(content: bytes) -> bytes:
    return json.dumps({"said": content.decode()}).encode()


def in_base64(before: int, text: str) -> str:
    return base64.b64encode(b"x" * before + text.encode() + b"more").decode()


CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "gzip": gzip.compress,
    "gzip, cut short": lambda content: gzip.compress(content)[:-5],
    "several gzip files": lambda content: gzip.compress(b"none") + gzip.compress(content),
    "zlib": zlib.compress,
    "zip": zipped,
    "a zip in a zip": lambda content: zipped(zipped(content)),
    "gzip in base64 in JSON": lambda it: in_json(base64.b64encode(gzip.compress(it))),
    "zlib in URL-safe base64": lambda it: b"k=" + base64.urlsafe_b64encode(zlib.compress(it, 1)),
    "zip in base64": lambda it: base64.b64encode(zipped(it)),
    "JSON": in_json,
    "JSON in JSON": lambda content: in_json(in_json(content)),
    "JSON in JSON in a gzip file in a zip": lambda it: zipped(gzip.compress(in_json(in_json(it)))),
}
SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": lambda text: text.upper().replace("Ü", "ü"),
    "JSON": json.dumps,
    "JSON with every sign escaped": lambda text: "".join(f"\\u{ord(sign):04x}" for sign in text),
    "JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "repr": repr,
    "a URL's path": lambda text: quote(text, safe=""),
    "a form": quote_plus,
    "a form in lower case": lambda text: quote_plus(text).lower(),
    "HTML": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;"),
    "hexadecimal": lambda text: text.encode().hex(),
    **{
        f"base64, {before} bytes behind its start": partial(in_base64, before)
        for before in range(3)
    },
    "URL-safe base64": lambda text: base64.urlsafe_b64encode(b"?" + text.encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_planted_secret_is_found(search: SecretSearch, container: str, spelling: str) -> None:
    spelt = f"before it {SPELLINGS[spelling](SECRET)} and behind"

    assert search(CONTAINERS[container](spelt.encode())) == {"secret"}


@pytest.mark.parametrize("container", CONTAINERS)
def test_nothing_is_found_where_there_is_none(search: SecretSearch, container: str) -> None:
    for text in ("", "nothing of the kind", "x", "\\", "%", "%zz", "&", SECRET[:-1], "H4sI" * 9):
        assert not search(CONTAINERS[container](text.encode()))


def test_several_secrets_are_found_at_once(search: SecretSearch) -> None:
    assert search(zipped(in_json(f"{SECRET} {OTHER}".encode()))) == {"secret", "token"}


def test_a_secret_in_the_name_of_a_file_in_a_zip_is_found(search: SecretSearch) -> None:
    assert search(zipped(b"", name=OTHER)) == {"token"}


@pytest.mark.parametrize("start", [b"\x1f\x8b\x08", b"PK\x03\x04", b"\x78\x9c"])
def test_broken_archives_are_searched_as_they_are(search: SecretSearch, start: bytes) -> None:
    assert not search(start + bytes(range(256)))
    assert search(start + OTHER.encode()) == {"token"}
