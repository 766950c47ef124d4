"""Compiles Python files for the place where Lambda runs them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..errors import PackagingError

# The folder in which Lambda unpacks the asset. If a module is loaded from another folder, Python
# puts that one into the tracebacks.
_LAMBDA_FOLDER = "/var/task"


def compile_files(folder: Path, files: Iterable[Path], interpreter: Path) -> None:
    """Compile the Python files among files in a folder, and write the code beside them.

    Python loads the compiled code without a look at the source, whose time in the asset says
    nothing (`unchecked-hash`, see "Cached bytecode invalidation" in the Python documentation). The
    same files give the same bytes on every machine with the same release of Python.

    A file that is no valid Python is left out: the check of the imports reports it if it matters.

    Parameters
    ----------
    folder
        The folder that Lambda will unpack.
    files
        The files to compile, with any suffix.
    interpreter
        The Python that compiles.

    Raises
    ------
    PackagingError
        If the interpreter fails.
    """
    paths = sorted(str(file) for file in files if file.suffix == ".py")
    # Isolated from this machine's settings, and with UTF-8 for the paths on stdin.
    options = ["-I", "-S", "-X", "utf8", "-m", "compileall", "-f", "-qq", "-i", "-"]
    options += ["--invalidation-mode=unchecked-hash", "-s", str(folder), "-p", _LAMBDA_FOLDER]
    result = subprocess.run(
        [interpreter, *options],
        input="".join(f"{path}\n" for path in paths).encode(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    # 1 says that a file is no valid Python.
    if result.returncode not in (0, 1):
        raise PackagingError(
            f"Queue Ends: {interpreter} could not compile the functions (exit status "
            f"{result.returncode}). Repair or remove this Python. It said:\n"
            f"{result.stderr.decode(errors='replace')}"
        )
