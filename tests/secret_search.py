"""Searches bytes for secrets: in every spelling, and in archives and compressed data."""

import base64
import binascii
import hashlib
import html
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from urllib.parse import unquote_to_bytes

_GZIP, _ZIP, _ZLIB = b"\x1f\x8b\x08", b"PK\x03\x04", b"\x78"
# How deep containers are unpacked, such as a gzip file in base64 in a zip.
_MAX_DEPTH = 6
# Data in base64 that begin like gzip, zip or zlib.
_PACKED_IN_BASE64 = re.compile(
    rb"(?:H4sI|UEsDB|eA[E-H]|eF[4-7]|eJ[w-z]|eN[o-r])[A-Za-z0-9+/_-]{16,}={0,2}"
)
# The escapes of JSON and of Python's repr that can stand for a character of a secret.
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'\\/]))")
_ENTITY = re.compile(rb"&(?:#|amp|lt|gt|quot|apos)")
# JSON in JSON in JSON, as a log line about a message in a test's report.
_MAX_JSON_LAYERS = 3


class SecretSearch:
    """A search for secrets that unpacks and searches equal content only once.

    Parameters
    ----------
    secrets
        The secrets by name. Each has at least eight bytes, so that none is found by chance.
    """

    def __init__(self, secrets: dict[str, bytes]) -> None:
        assert all(len(secret) >= 8 for secret in secrets.values())
        self._spellings = {name: [*_spellings(secret)] for name, secret in secrets.items()}
        self._found: dict[bytes, frozenset[str]] = {}

    def __call__(self, content: bytes, depth: int = 0) -> Collection[str]:
        """Return the names of the secrets that some content holds."""
        digest = hashlib.sha256(content).digest()
        if digest not in self._found:
            found, packed = set[str](), set[bytes]()
            for text in _readings(content):
                found.update(self._in_plain_sight(text))
                packed.update(map(_decode, _PACKED_IN_BASE64.findall(text)))
            if depth < _MAX_DEPTH:
                for unpacked in (*_unpacked(content), *packed):
                    found.update(self(unpacked, depth + 1))
            self._found[digest] = frozenset(found)
        return self._found[digest]

    def _in_plain_sight(self, content: bytes) -> Iterator[str]:
        lower = content.lower()
        for name, spellings in self._spellings.items():
            if any(spelling in lower for spelling in spellings):
                yield name


def _spellings(secret: bytes) -> Iterator[bytes]:
    """Yield a secret as it is, in hexadecimal and in base64, all in lower case."""
    yield secret.lower()
    yield binascii.hexlify(secret)
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret).rstrip(b"=")
        # The first characters depend on what is before, the last one on what is behind.
        part = encoded[-(-before * 8 // 6) : -1].lower()
        yield part
        yield part.translate(bytes.maketrans(b"+/", b"-_"))


def _readings(content: bytes) -> Iterator[bytes]:
    """Yield a content as it is, and each time that one more layer of escapes is undone."""
    text = content
    yield text
    if _ENTITY.search(text):
        yield (text := html.unescape(text.decode("latin-1")).encode("latin-1", "replace"))
    for _ in range(_MAX_JSON_LAYERS):
        if not _ESCAPE.search(text):
            break
        yield (text := _ESCAPE.sub(_unescape, text))
    if b"%" in text:
        yield unquote_to_bytes(text)
        yield unquote_to_bytes(text.replace(b"+", b" "))


def _unescape(escape: re.Match[bytes]) -> bytes:
    code = escape[1] or escape[2]
    return chr(int(code, 16)).encode("utf-8", "replace") if code else escape[3]


def _decode(packed: bytes) -> bytes:
    text = packed.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    return base64.b64decode(text[: len(text) - (len(text) % 4 == 1)] + b"==")


def _unpacked(content: bytes) -> Iterator[bytes]:
    """Yield what an archive or compressed data hold."""
    if content.startswith(_ZIP):
        yield from _members(content)
    elif content.startswith(_GZIP):
        yield from _inflated(content, zlib.MAX_WBITS | 16)
    elif content.startswith(_ZLIB):
        yield from _inflated(content, zlib.MAX_WBITS)


def _members(content: bytes) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                yield member.filename.encode() + b"\n" + member.comment
                yield archive.read(member)
    except zipfile.BadZipFile:
        return


def _inflated(content: bytes, window: int) -> Iterator[bytes]:
    """Yield as much as can be inflated, although the end may be missing or other data follow."""
    while content:
        inflater = zlib.decompressobj(window)
        try:
            yield inflater.decompress(content)
        except zlib.error:
            return
        content = inflater.unused_data
