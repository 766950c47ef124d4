"""The asset holds all packages that its packages require on the target, or is not built."""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.packaging import PackagingError, Target, build_asset
from infra.packaging.requirements import read_requirements, unmet_requirements
from tests.unit.infra.packaging.wheels import write_installed

LAMBDA = Target("lambda")


def error_of(functions: Path, pins: str, build_folder: Path, target: Target = LAMBDA) -> str:
    """Build an asset with these pins, which fails; return the message."""
    (functions / "requirements.txt").write_text(pins)
    with pytest.raises(PackagingError) as error:
        build_asset(functions, target, build_folder)
    assert list((build_folder / "packages").iterdir()) == []
    return str(error.value)


def unmet_in(folder: Path, lines: str, target: Target, **requires: Sequence[str]) -> list[str]:
    """Return the unmet requirements of installed packages, such as `alpha_1_0=["beta"]`."""
    file = folder / "requirements.txt"
    file.write_text(lines)
    packages = {
        name.replace("_", " ", 1).replace("_", "."): found for name, found in requires.items()
    }
    write_installed(folder, packages)
    return [str(it) for it in unmet_requirements([folder], read_requirements(file, target), target)]


@pytest.mark.usefixtures("index")
def test_a_package_that_is_pinned_without_what_it_requires_stops_the_build(
    functions: Path, build_folder: Path
) -> None:
    message = error_of(functions, "alpha==1.0\n", build_folder)
    assert "  - alpha 1.0 requires beta>=2, but it is not in the asset\n" in message
    assert "Write alpha into functions/requirements.in and run `make lock`" in message

    message = error_of(functions, "alpha==1.0\nbeta==1.0\n", build_folder)
    assert "  - alpha 1.0 requires beta>=2, but version 1.0 is in the asset\n" in message


@pytest.mark.usefixtures("index")
def test_a_package_without_a_wheel_for_the_target_is_named_with_what_pip_says(
    functions: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as the CDK CLI sets it
    message = error_of(functions, "unbuilt==1.0\n", build_folder)
    assert "unbuilt==1.0 has no wheel for Lambda's python3.14 on arm64" in message
    assert "`architecture` or `python_version`" in message
    assert message.endswith("ERROR: No matching distribution found for unbuilt==1.0")

    assert "native==1.0 has no wheel for" in error_of(functions, "native==1.0\n", build_folder)
    build_asset(functions, Target("lambda", architecture="x86_64"), build_folder)


def test_a_wrong_hash_and_a_line_without_one_among_others_with_hashes_are_explained(
    functions: Path, build_folder: Path, index: Path
) -> None:
    digest = hashlib.sha256((index / "beta-2.0-py3-none-any.whl").read_bytes()).hexdigest()
    hashed = f"beta==2.0 --hash=sha256:{digest}\n"
    message = error_of(functions, f"{hashed}alpha==1.0\n", build_folder)
    assert "requirements.txt has hashes, so it needs them for all packages" in message
    wrong = hashed.replace(digest, "0" * 64)
    assert "differs from its hash" in error_of(functions, wrong, build_folder)


def test_a_python_without_pip_is_an_error_that_says_how_to_get_it(
    functions: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert "-m ensurepip" in error_of(functions, "", build_folder)


def test_markers_hold_for_the_target_and_not_for_this_python(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        'old==1 ; python_full_version < "3.12" \\\n    --hash=sha256:ab  # via alpha\n'
        'new==2 ; python_version >= "3.14"\n'
        'arm==3 ; platform_machine == "aarch64" and sys_platform == "linux"\n'
        "-r others.txt\n"
    )
    (tmp_path / "others.txt").write_text('win==4 ; sys_platform == "win32"\nall==5\n')

    def read(target: Target) -> list[str]:
        return [line.text for line in read_requirements(file, target)]

    assert read(LAMBDA) == ["new==2", "arm==3", "all==5"]
    assert read(Target("lambda", "x86_64", "3.11")) == ["old==1 --hash=sha256:ab", "all==5"]


def test_files_are_read_as_people_write_them(tmp_path: Path) -> None:
    (tmp_path / "our wheels").mkdir()
    file = tmp_path / "requirements.txt"
    file.write_text(
        "\ufeffalpha\n--find-links='our wheels'\n-e ../library\n"
        '-r "our packages.txt"\n--requirement=requirements.txt\n'
    )
    index = f"--index-url https://{'x' * 300}@index.example"
    (tmp_path / "our packages.txt").write_text(f"beta\n-rrequirements.txt\n{index}\n")
    lines = read_requirements(file, LAMBDA)
    links = f'--find-links="{tmp_path}/our wheels"'
    assert [line.text for line in lines] == ["alpha", links, "../library", "beta", index]
    assert [line.local_path for line in lines] == [None] * 5

    file.write_text("-r nowhere.txt\n")
    with pytest.raises(PackagingError, match=r"nowhere\.txt cannot be read"):
        read_requirements(file, LAMBDA)
    file.write_bytes(b"# f\xfcr uns\n")
    with pytest.raises(PackagingError, match="cannot be read as UTF-8 text"):
        read_requirements(file, LAMBDA)


def test_a_requirement_counts_only_where_its_marker_holds(tmp_path: Path) -> None:
    requires = ['beta>=2; python_version >= "3.14"', 'gamma; sys_platform == "win32"', "boto3"]
    write_installed(tmp_path, {"alpha 1.0": requires})

    def unmet(target: Target) -> list[str]:
        return [str(it) for it in unmet_requirements([tmp_path], [], target)]

    assert unmet(LAMBDA) == ["alpha 1.0 requires beta>=2, but it is not in the asset"]
    assert unmet(Target("lambda", python_version="3.13")) == []


def test_extras_count_only_where_they_are_wanted(tmp_path: Path) -> None:
    extra = ['beta[fast]; extra == "full"']
    fast = ['gamma; extra == "fast"']
    (tmp_path / "all").mkdir()
    assert unmet_in(tmp_path, "alpha==1.0", LAMBDA, alpha_1_0=extra, beta_2_0=fast) == []
    assert unmet_in(tmp_path / "all", "Alpha[full]", LAMBDA, alpha_1_0=extra, beta_2_0=fast) == [
        "beta 2.0 requires gamma, but it is not in the asset"
    ]


@pytest.mark.parametrize(
    ("target", "glibc", "machine"),
    [
        (LAMBDA, 34, "aarch64"),
        (Target("lambda", "x86_64", "3.12"), 34, "x86_64"),
        (Target("lambda", "arm64", "3.11"), 26, "aarch64"),
    ],
    ids=str,
)
def test_pip_takes_only_wheels_that_the_runtime_can_load(
    target: Target, glibc: int, machine: str
) -> None:
    assert target.pip_options == (
        *(f"--platform=manylinux_2_{minor}_{machine}" for minor in range(glibc, 16, -1)),
        f"--platform=manylinux2014_{machine}",
        f"--python-version={target.python_version}",
        "--implementation=cp",
        "--only-binary=:all:",
    )
