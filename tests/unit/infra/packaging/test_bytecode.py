"""The compiled code in the asset, and the search for an interpreter that compiles it."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.packaging import PackagingError, Target, build_asset
from infra.packaging.bytecode import compile_files, find_interpreter
from infra.packaging.bytecode.interpreter import interpreters

HOST = Target("host")
# No Python has this version yet.
UNKNOWN = Target("lambda", python_version="3.99")


def compiled_code(source: Path) -> Path:
    return Path(importlib.util.cache_from_source(str(source)))


def run_in(folder: Path, code: str) -> str:
    """Return what code prints that imports from a folder, and from nowhere else."""
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); sys.dont_write_bytecode = True\n"
    command = [sys.executable, "-I", "-S", "-c", start + code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def write_program(file: Path, script: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


# The compiled code


@pytest.mark.usefixtures("installs")
def test_the_code_of_the_functions_and_of_packages_is_loaded_without_compiling_it(
    functions: Path, build_folder: Path
) -> None:
    asset = build_asset(functions, HOST, build_folder)

    for file in asset.folder.rglob("*.py"):
        file.write_text("this cannot be compiled")

    assert run_in(asset.folder, "import package, shared; print(shared.ANSWER)") == "42\n"


@pytest.mark.usefixtures("installs")
def test_the_same_sources_are_compiled_to_the_same_bytes(
    functions: Path, build_folder: Path, tmp_path: Path
) -> None:
    names = {f"name_{number}" for number in range(50)}
    (functions / "shared.py").write_text(f"def is_known(name):\n    return name in {names}\n")
    copy = shutil.copytree(functions, tmp_path / "elsewhere" / "copy")

    first = build_asset(functions, HOST, build_folder)
    second = build_asset(copy, HOST, tmp_path / "elsewhere" / "build")

    assert first.hash == second.hash
    contents = [compiled_code(it.folder / "shared.py").read_bytes() for it in (first, second)]
    assert contents[0] == contents[1]


@pytest.mark.usefixtures("installs")
def test_a_traceback_names_the_file_from_which_the_code_was_loaded(
    functions: Path, build_folder: Path
) -> None:
    (functions / "shared.py").write_text("\n\ndef fail():\n    raise KeyError\n")
    asset = build_asset(functions, HOST, build_folder)
    report = (
        "import shared, traceback\n"
        "try: shared.fail()\n"
        "except KeyError as error: frame = traceback.extract_tb(error.__traceback__)[-1]\n"
        "print(f'{frame.filename}:{frame.lineno}')"
    )

    assert run_in(asset.folder, report) == f"{asset.folder / 'shared.py'}:4\n"
    # Where Lambda runs it, no path has to be replaced.
    code = compiled_code(asset.folder / "shared.py").read_bytes()
    assert b"/var/task/shared.py" in code
    assert str(build_folder).encode() not in code


@pytest.mark.usefixtures("installs")
def test_a_file_that_is_no_valid_python_is_packed_without_compiled_code(
    functions: Path, build_folder: Path
) -> None:
    # Nothing imports it.
    (functions / "destinations" / "template.py").write_text("class {{ name }}:")
    asset = build_asset(functions, HOST, build_folder)
    assert not compiled_code(asset.folder / "destinations" / "template.py").exists()
    assert compiled_code(asset.folder / "destinations" / "bus.py").exists()


@pytest.mark.usefixtures("installs")
def test_without_an_interpreter_the_asset_holds_sources_and_a_notice_says_what_to_install(
    functions: Path, build_folder: Path
) -> None:
    asset = build_asset(functions, UNKNOWN, build_folder)
    (notice,) = asset.notices
    assert "this machine has no Python 3.99. Install it, for example with `uv python" in notice
    assert list(asset.folder.rglob("*.pyc")) == []
    assert run_in(asset.folder, "import package, shared; print(shared.ANSWER)") == "42\n"


@pytest.mark.usefixtures("installs")
def test_an_interpreter_that_was_installed_later_changes_the_hash(
    functions: Path, build_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = build_asset(functions, UNKNOWN, build_folder)
    write_program(tmp_path / "bin" / "python3.99", "echo cpython-399 final")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")

    after = build_asset(functions, UNKNOWN, build_folder)

    assert after.hash != before.hash
    assert after.notices == ()


def test_an_interpreter_that_fails_stops_the_build_with_its_message(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    write_program(broken, "echo out of order >&2; exit 3")
    message = r"python could not compile .*exit status 3.*\nout of order"
    with pytest.raises(PackagingError, match=f"(?s){message}"):
        compile_files(tmp_path, [], broken)


# The search


def test_interpreters_of_uv_and_pyenv_and_on_the_path_are_found(tmp_path: Path) -> None:
    wanted = [
        tmp_path / ".local/share/uv/python/cpython-3.99.2-linux-x86_64-gnu/bin/python3.99",
        tmp_path / ".pyenv/versions/3.99.1/bin/python3.99",
        tmp_path / "second/python3.99",
    ]
    for file in (*wanted, tmp_path / "first/python3.9", tmp_path / ".pyenv/versions/3.9/python3.9"):
        write_program(file, "")
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/first:{tmp_path}/second"}
    assert list(interpreters((3, 99), environment)) == wanted

    moved = {"UV_PYTHON_INSTALL_DIR": "uv/python", "PYENV_ROOT": ".pyenv", "HOME": "/nowhere"}
    environment |= {name: str(tmp_path / path) for name, path in moved.items()}
    (tmp_path / ".local/share/uv").rename(tmp_path / "uv")
    assert [file.name for file in interpreters((3, 99), environment)] == ["python3.99"] * 3


@pytest.mark.parametrize(
    "script",
    ["echo cpython-399 beta", "echo cpython-398 final", "echo pypy399-pp73 final", "exit 127"],
)
def test_an_interpreter_of_another_kind_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    write_program(tmp_path / "first" / "python3.99", script)
    write_program(tmp_path / "second" / "python3.99", "echo cpython-399 final")
    monkeypatch.setenv("PATH", f"{tmp_path / 'first'}:{tmp_path / 'second'}")
    assert find_interpreter(UNKNOWN) == tmp_path / "second" / "python3.99"


def test_the_running_interpreter_compiles_for_its_own_version() -> None:
    assert find_interpreter(HOST) == Path(sys.executable)
    version = "{}.{}".format(*sys.version_info[:2])
    assert find_interpreter(Target("lambda", python_version=version)) == Path(sys.executable)
