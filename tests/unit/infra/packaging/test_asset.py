"""The deployment asset: its contents and its hash."""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from infra.packaging import Asset, PackagingError, Target, build_asset, packages
from infra.packaging.pip import Installation

PROJECT = Path(__file__).parents[4]
AARCH64 = 183  # e_machine of an ELF file
PACKED = {"destinations/actions.py", "destinations/bus.py", "shared.py", "package.py"}


@pytest.fixture(scope="module")
def lambda_asset() -> Path:
    """Return the project's asset for Lambda."""
    return build_asset(PROJECT / "functions", Target("lambda"), PROJECT / "build").folder


@pytest.fixture(scope="module")
def host_asset() -> Path:
    """Return the project's asset for this machine."""
    return build_asset(PROJECT / "functions", Target("host"), PROJECT / "build").folder


def files(folder: Path) -> set[str]:
    """Return the paths of the files in a folder, without the compiled code."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {str(path.relative_to(folder)) for path in paths}


# The hash


@pytest.mark.usefixtures("installs")
def test_neither_place_nor_times_of_the_sources_change_the_hash(
    functions: Path, build_folder: Path, tmp_path: Path
) -> None:
    first = build_asset(functions, Target("host"), build_folder)
    copy = shutil.copytree(functions, tmp_path / "elsewhere" / "copy")
    for path in copy.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    second = build_asset(copy, Target("host"), tmp_path / "elsewhere" / "build")

    assert second.hash == first.hash
    assert second.folder != first.folder


@pytest.mark.usefixtures("installs")
def test_a_changed_added_renamed_or_removed_source_changes_the_hash(
    functions: Path, build_folder: Path
) -> None:
    def steps() -> Iterator[Asset]:
        yield build_asset(functions, Target("host"), build_folder)
        (functions / "shared.py").write_text("ANSWER = 43\n")
        yield build_asset(functions, Target("host"), build_folder)
        (functions / "data.json").write_text("{}")
        yield build_asset(functions, Target("host"), build_folder)
        (functions / "data.json").rename(functions / "date.json")
        yield build_asset(functions, Target("host"), build_folder)
        (functions / "shared.py").unlink()
        yield build_asset(functions, Target("host"), build_folder)

    assets = list(steps())
    assert len({asset.hash for asset in assets}) == len(assets)
    assert (assets[1].folder / "shared.py").read_text() == "ANSWER = 43\n"


@pytest.mark.usefixtures("installs")
def test_pins_and_target_change_the_hash(functions: Path, build_folder: Path) -> None:
    targets = [Target("host"), Target("lambda"), Target("lambda", architecture="x86_64")]
    targets.append(Target("lambda", python_version="3.12"))
    hashes = {build_asset(functions, target, build_folder).hash for target in targets}
    assert len(hashes) == len(targets)
    (functions / "requirements.txt").write_text("package==1.0\n")
    assert build_asset(functions, Target("host"), build_folder).hash not in hashes


@pytest.mark.usefixtures("installs")
def test_files_that_are_not_packed_do_not_change_the_hash(
    functions: Path, build_folder: Path
) -> None:
    before = build_asset(functions, Target("host"), build_folder)
    for path in ("destinations/__pycache__/bus.cpython-311.pyc", "tests/test_x.py", ".DS_Store"):
        (functions / path).parent.mkdir(exist_ok=True)
        (functions / path).write_text("x")
    assert build_asset(functions, Target("host"), build_folder) == before
    assert files(before.folder) == PACKED


# The build


def test_a_built_asset_is_not_built_again(
    functions: Path, build_folder: Path, installs: list[Path]
) -> None:
    asset = build_asset(functions, Target("host"), build_folder)
    built_at = asset.folder.stat().st_mtime_ns
    assert build_asset(functions, Target("host"), build_folder) == asset
    assert asset.folder.stat().st_mtime_ns == built_at
    assert len(installs) == 1


def test_a_changed_source_needs_no_second_run_of_pip(
    functions: Path, build_folder: Path, installs: list[Path]
) -> None:
    build_asset(functions, Target("host"), build_folder)
    (functions / "shared.py").write_text("ANSWER = 44\n")
    assert files(build_asset(functions, Target("host"), build_folder).folder) == PACKED
    assert len(installs) == 1


def test_builds_of_one_asset_at_the_same_time_all_succeed(
    functions: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_started = Barrier(2, timeout=60)

    def install(_: Installation, folder: Path) -> None:
        both_started.wait()
        (folder / "package.py").write_text("")

    monkeypatch.setattr(packages, "install", install)
    with ThreadPoolExecutor(2) as pool:
        assets = list(
            pool.map(lambda _: build_asset(functions, Target("host"), build_folder), range(2))
        )
    assert len(set(assets)) == 1
    assert files(assets[0].folder) == PACKED
    assert [path.name for path in (build_folder / "assets").iterdir()] == [assets[0].hash]
    # The packages as pip installs them, and as they are packed.
    assert len(list((build_folder / "packages").iterdir())) == 2


@pytest.mark.usefixtures("installs")
def test_an_aborted_build_does_not_spoil_the_next_one(functions: Path, build_folder: Path) -> None:
    asset = build_asset(functions, Target("host"), build_folder)
    aborted = build_folder / "assets" / f".{asset.hash[:12]}-aborted"
    asset.folder.rename(aborted)
    (aborted / "shared.py").write_text("half")
    assert build_asset(functions, Target("host"), build_folder) == asset
    assert "half" not in (asset.folder / "shared.py").read_text()


def test_a_failing_pip_is_shown_and_leaves_nothing_behind(
    functions: Path, build_folder: Path
) -> None:
    (functions / "requirements.txt").write_text("not a requirement!\n")
    with pytest.raises(PackagingError, match=r"(?s)pip could not install .*Invalid requirement"):
        build_asset(functions, Target("host"), build_folder)
    assert list((build_folder / "packages").iterdir()) == []


@pytest.mark.usefixtures("installs")
def test_lambda_can_read_an_asset_that_was_built_under_a_strict_umask(
    functions: Path, build_folder: Path
) -> None:
    before = os.umask(0o077)
    try:
        asset = build_asset(functions, Target("host"), build_folder)
    finally:
        os.umask(before)
    modes = {
        stat.filemode(path.stat().st_mode) for path in [asset.folder, *asset.folder.rglob("*")]
    }
    assert modes == {"drwxr-xr-x", "-rw-r--r--"}


# What is in it


def test_every_binary_in_the_lambda_asset_is_for_python_3_14_on_arm(lambda_asset: Path) -> None:
    binaries = [path for path in lambda_asset.rglob("*") if b".so" in path.name.encode()]
    assert binaries
    for path in binaries:
        header = path.read_bytes()[:20]
        assert header[:4] == b"\x7fELF", path
        assert int.from_bytes(header[18:20], "little") == AARCH64, path
        assert re.search(r"\.(cpython-314-aarch64-linux-gnu|abi3)\.so$", path.name), path
    tags = "".join(p.read_text() for p in lambda_asset.glob("*.dist-info/WHEEL"))
    assert set(re.findall(r"Tag: \S+-(\S+)", tags)) <= {
        "any",
        "manylinux_2_17_aarch64",
        "manylinux2014_aarch64",
        "manylinux_2_28_aarch64",
    }


def test_the_lambda_asset_holds_the_handlers_and_what_they_import_and_no_more(
    lambda_asset: Path,
) -> None:
    assert (lambda_asset / "provisioner" / "handler.py").is_file()
    assert (lambda_asset / "worker" / "handler.py").is_file()
    pins = (PROJECT / "functions" / "requirements.txt").read_text()
    pinned = set(re.findall(r"^([\w.-]+)==", pins, re.MULTILINE))
    installed = {path.name.split("-")[0] for path in lambda_asset.glob("*.dist-info")}
    assert {name.replace("-", "_") for name in pinned} == installed
    unwanted = {"aws_cdk", "jsii", "constructs", "boto3", "botocore", "pip", "bin", "tests"}
    assert unwanted & {path.name for path in lambda_asset.iterdir()} == set()
    assert not list(lambda_asset.rglob("swagger-ui*"))


def test_each_package_is_packed_with_the_hash_of_its_archive(
    index: Path, functions: Path, actions_folder: Path, build_folder: Path
) -> None:
    (functions / "requirements.txt").write_text("beta==2.0\n")
    (actions_folder / "requirements.txt").write_text("alpha\n")

    asset = build_asset(functions, Target("host"), build_folder, actions_folder=actions_folder)

    archives = {info: next(index.glob(f"{info}-*.whl")) for info in ("alpha-1.0", "beta-2.0")}
    assert {
        info: (asset.folder / f"{info}.dist-info" / "ARCHIVE.sha256").read_text().strip()
        for info in archives
    } == {
        info: hashlib.sha256(archive.read_bytes()).hexdigest() for info, archive in archives.items()
    }


def test_an_asset_with_compiled_code_has_at_most_12_mb(host_asset: Path) -> None:
    sizes = {path: path.stat().st_size for path in host_asset.rglob("*") if path.is_file()}
    assert [path for path in sizes if path.suffix == ".pyc"]
    assert sum(sizes.values()) <= 12_000_000


def test_the_pins_are_complete(host_asset: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(host_asset)!r}); sys.dont_write_bytecode = True; "
        "import requests, msgspec; from aws_lambda_powertools import Logger, Metrics"
    )
    # Without site-packages: nothing but the standard library and the asset.
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)
