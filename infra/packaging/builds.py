"""Folders that are named by a hash of their inputs, and built only once."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def digest(*parts: bytes) -> str:
    """Return the hash of a sequence of parts, in hexadecimal digits."""
    hash_ = hashlib.sha256()
    # Without the lengths, the parts `ab` and `c` would have the same digest as `a` and `bc`.
    for part in parts:
        hash_.update(len(part).to_bytes(8, "big") + part)
    return hash_.hexdigest()


def content_digest(place: Path) -> str:
    """Return the hash of a file, or of a folder without what tools leave in it."""
    files = [place] if place.is_file() else sorted(it for it in place.rglob("*") if it.is_file())
    parts: list[bytes] = []
    for file in files:
        path = file.relative_to(place)
        if not any(_is_left_by_a_tool(part) for part in path.parts):
            parts += [path.as_posix().encode(), hashlib.sha256(file.read_bytes()).digest()]
    return digest(*parts)


def _is_left_by_a_tool(name: str) -> bool:
    is_pip_s = name.endswith((".dist-info", ".egg-info"))
    return is_pip_s or name.startswith(".") or name == "__pycache__"


def build_once(folder: Path, fill: Callable[[Path], None]) -> None:
    """Create and fill the folder if it does not exist.

    The content is written to a temporary folder, which is renamed when it is complete. An aborted
    build therefore leaves no incomplete folder behind.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary_folder = Path(tempfile.mkdtemp(prefix=f".{folder.name[:12]}-", dir=folder.parent))
    try:
        fill(temporary_folder)
        temporary_folder.rename(folder)
    except OSError:
        built_by_another_process = folder.exists()
        if not built_by_another_process:
            raise
    finally:
        shutil.rmtree(temporary_folder, ignore_errors=True)
