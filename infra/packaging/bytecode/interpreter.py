"""Finds a Python whose compiled code the target's Python can load."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from ..target import Target

# Compiled code is the same for all releases of a version, but not for those before the first one.
_QUESTION = (
    "import compileall, sys; print(sys.implementation.cache_tag, sys.version_info.releaselevel)"
)
# An interpreter answers in a tenth of a second; a shim of a version manager may take longer.
_TIME_LIMIT_SECONDS = 10


def find_interpreter(target: Target) -> Path | None:
    """Return an interpreter on this machine that compiles for the target; None if there is none."""
    if target.kind == "host":
        return Path(sys.executable)
    candidates = interpreters(target.version, os.environ)
    return next((it for it in candidates if _compiles_for(target.version, it)), None)


def missing_interpreter_notice(target: Target) -> str:
    """Return the notice that the asset holds no compiled code, and what to do about it."""
    version = target.python_version
    return (
        "The functions will start more slowly than they could: their code is not compiled, because "
        f"this machine has no Python {version}. Install it, for example with `uv python install "
        f"{version}` or `pyenv install {version}`, and synthesise again."
    )


def interpreters(version: tuple[int, int], environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the files that may be interpreters of a version of Python.

    The first is the running one, then come those of uv and pyenv, which need not be on the PATH.

    Parameters
    ----------
    version
        The major and the minor version.
    environment
        The environment variables that say where to look.
    """
    if version == sys.version_info[:2]:
        yield Path(sys.executable)
    text = "{}.{}".format(*version)
    name = f"python{text}"
    home = environment.get("HOME", "")
    data = environment.get("XDG_DATA_HOME") or Path(home, ".local", "share")
    uv_folder = Path(environment.get("UV_PYTHON_INSTALL_DIR") or Path(data, "uv", "python"))
    pyenv_folder = Path(environment.get("PYENV_ROOT") or Path(home, ".pyenv"), "versions")
    path_folders = map(Path, environment.get("PATH", "").split(os.pathsep))
    places = chain(
        sorted(uv_folder.glob(f"cpython-{text}*/bin")),
        sorted(pyenv_folder.glob(f"{text}*/bin")),
        path_folders,
    )
    yield from (place / name for place in places if (place / name).is_file())


def _compiles_for(version: tuple[int, int], interpreter: Path) -> bool:
    try:
        answer = subprocess.run(
            [interpreter, "-I", "-S", "-c", _QUESTION],
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.stdout.split() == ["cpython-{}{}".format(*version), "final"]
