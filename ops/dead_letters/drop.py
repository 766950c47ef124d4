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
        with os.fdopen(descriptor, "w", encoding="utf-8") as lines:
            for letter in letters:
                lines.write(json.dumps(letter.as_json()) + "\n")
            lines.flush()
            os.fsync(lines.fileno())
        # The file's name is an entry of its folder, which has to be written too.
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise OpsError(
            f"Nothing was dropped, because {file} could not be written: {error}", Status.UNAVAILABLE
        ) from None
