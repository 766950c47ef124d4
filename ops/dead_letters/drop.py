"""Writes dead letters to a file before they are deleted."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from ops.dead_letters.letter import Letter
from ops.errors import OpsError, Status


def require_new(file: Path) -> None:
    """Raise `OpsError` if the file exists, or its folder does not."""
    if os.path.lexists(file):
        raise OpsError(f"{file} exists already. Name a new file with --to.", Status.USAGE)
    if not file.parent.is_dir():
        raise OpsError(f"There is no folder {file.parent}. Name another file.", Status.USAGE)


def write(file: Path, letters: Iterable[Letter]) -> None:
    """Write each letter as a line of JSON to a new file that only its owner can read.

    When this function returns, the file survives a crash of the machine.

    Raises
    ------
    OpsError
        The file could not be written; nothing is to be deleted then.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write_lines(descriptor, letters)
            _sync_folder(file.parent)
        except OSError:
            # A part of the messages is of no use, and may hold personal data.
            file.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OpsError(
            f"Nothing was dropped, because {file} could not be written: {error}", Status.UNAVAILABLE
        ) from None


def _write_lines(descriptor: int, letters: Iterable[Letter]) -> None:
    with os.fdopen(descriptor, "w", encoding="utf-8") as lines:
        for letter in letters:
            lines.write(json.dumps(letter.as_json()) + "\n")
        lines.flush()
        os.fsync(lines.fileno())


def _sync_folder(folder: Path) -> None:
    """Have a folder's entries written to the disk, the name of a new file among them."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
