"""The user's actions come from a folder of their own, with packages of their own."""

import shutil
from pathlib import Path

import pytest

from infra.packaging import PackagingError, Target, build_asset, packages
from infra.packaging.pip import Installation
from tests.unit.infra.packaging.wheels import write_installed, write_wheel

HOST = Target("host")


def error_of(functions: Path, actions_folder: Path, build_folder: Path) -> str:
    with pytest.raises(PackagingError) as error:
        build_asset(functions, HOST, build_folder, actions_folder=actions_folder)
    return str(error.value)


def packed_in(folder: Path) -> set[str]:
    return {path.name for path in (folder / "destinations").iterdir()} - {"__pycache__"}


@pytest.mark.usefixtures("installs")
def test_the_user_s_files_are_packed_beside_the_destinations_and_replace_the_example(
    functions: Path, actions_folder: Path, build_folder: Path
) -> None:
    (actions_folder / "__init__.py").write_text('"""Our actions."""\n')
    (actions_folder / "tests").mkdir()
    (actions_folder / "tests" / "test_actions.py").write_text("")
    (actions_folder / ".env").write_text("")

    asset = build_asset(functions, HOST, build_folder, actions_folder=actions_folder)

    assert packed_in(asset.folder) == {"actions.py", "bus.py", "crm.py", "words.json"}
    packed = asset.folder / "destinations" / "actions.py"
    assert packed.read_text() == (actions_folder / "actions.py").read_text()
    assert asset.notices == ()
    (actions_folder / "words.json").write_text("[]")
    changed = build_asset(functions, HOST, build_folder, actions_folder=actions_folder)
    assert changed.hash != asset.hash


@pytest.mark.usefixtures("installs")
def test_a_file_of_the_user_s_never_replaces_a_module_of_ours(
    functions: Path, actions_folder: Path, build_folder: Path
) -> None:
    (functions / "destinations" / "__init__.py").write_text("")
    (actions_folder / "bus").mkdir()
    (actions_folder / "bus" / "__init__.py").write_text("")
    (actions_folder / "__init__.py").write_text("import os\n")
    (actions_folder / "actions").mkdir()
    (actions_folder / "actions" / "__init__.py").write_text("")
    assert "holds __init__.py, actions, bus." in error_of(functions, actions_folder, build_folder)


@pytest.mark.usefixtures("installs")
def test_a_folder_that_cannot_be_the_actions_is_refused(
    functions: Path, actions_folder: Path, build_folder: Path
) -> None:
    around = error_of(functions, actions_folder, actions_folder / "build")
    assert "must name a folder that holds nothing but your actions" in around
    (actions_folder / "actions.py").write_text("def on_conversation_ended(end): ...\n")
    assert "has no function `on_conv" in error_of(functions, actions_folder, build_folder)
    (actions_folder / "actions.py").unlink()
    assert "there is no " in error_of(functions, actions_folder, build_folder)


def test_own_packages_are_installed_with_what_they_require_and_only_once(
    functions: Path,
    actions_folder: Path,
    build_folder: Path,
    index: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (actions_folder / "requirements.txt").write_text("alpha\n")
    (actions_folder / "actions.py").write_text("import alpha, beta\nfrom alpha import *\n")

    def build(folder: Path) -> tuple[str, set[str]]:
        asset = build_asset(functions, HOST, folder, actions_folder=actions_folder)
        assert not (asset.folder / "destinations" / "requirements.txt").exists()
        return asset.hash, {path.name for path in asset.folder.glob("*.dist-info")}

    first = build(build_folder)
    assert first[1] == {"alpha-1.0.dist-info", "beta-2.0.dist-info"}

    # With a newer version in the index, the asset stays as it was built, and is another elsewhere.
    newer = shutil.copytree(index, build_folder.parent / "newer")
    write_wheel(newer, "beta", "2.1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(newer))
    assert build(build_folder) == first
    elsewhere = build(build_folder.parent / "elsewhere")
    assert elsewhere[1] == {"alpha-1.0.dist-info", "beta-2.1.dist-info"}
    assert elsewhere[0] != first[0]


def test_a_changed_package_on_this_machine_is_installed_again(
    functions: Path, actions_folder: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = actions_folder.parent / "library"
    library.mkdir()
    (actions_folder / "requirements.txt").write_text(f"-e {library}\n")

    def install(installation: Installation, folder: Path) -> None:
        if installation.constraints is not None:
            shutil.copytree(library, folder, dirs_exist_ok=True)

    def packed(content: str) -> Path:
        (library / "program").write_text(content)
        (library / "program").chmod(0o700)
        asset = build_asset(functions, HOST, build_folder, actions_folder=actions_folder)
        return asset.folder / "program"

    monkeypatch.setattr(packages, "install", install)
    assert packed("first").read_text() == "first"
    assert packed("second").read_text() == "second"
    assert packed("second").stat().st_mode & 0o777 == 0o755


def test_a_package_that_pip_has_compiled_for_this_machine_is_refused_for_lambda(
    functions: Path, actions_folder: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (actions_folder / "requirements.txt").write_text("git+https://git.example/library\n")

    def build(tag: str, target: Target) -> None:
        def install(installation: Installation, folder: Path) -> None:
            if installation.constraints is not None:
                write_installed(folder, {"library 1.0": []})
                info = folder / "library-1.0.dist-info"
                (info / "direct_url.json").write_text("{}")
                (info / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")

        monkeypatch.setattr(packages, "install", install)
        build_asset(functions, target, build_folder, actions_folder=actions_folder)

    with pytest.raises(
        PackagingError, match=r"library in \S+ has no wheel for Lambda's python3.14"
    ):
        build("cp311-cp311-linux_x86_64", Target("lambda"))
    build("py3-none-any", Target("lambda"))
    build("cp311-cp311-linux_x86_64", HOST)


@pytest.mark.usefixtures("index")
def test_own_packages_share_the_versions_that_the_functions_pin(
    functions: Path, actions_folder: Path, build_folder: Path
) -> None:
    (functions / "requirements.txt").write_text("beta==1.0\n")
    (actions_folder / "requirements.txt").write_text("beta\n")
    asset = build_asset(functions, HOST, build_folder, actions_folder=actions_folder)
    assert [path.name for path in asset.folder.glob("*.dist-info")] == ["beta-1.0.dist-info"]

    (actions_folder / "requirements.txt").write_text("alpha\n")
    message = error_of(functions, actions_folder, build_folder)
    assert "than functions/requirements.txt pins for the functions" in message
    assert "(constraint) beta==1.0" in message


@pytest.mark.usefixtures("index")
def test_a_package_that_only_the_target_requires_is_asked_for_by_line(
    functions: Path, actions_folder: Path, build_folder: Path, tmp_path: Path
) -> None:
    marker = 'platform_machine == "aarch64" and platform_version == ""'  # true in no real Python
    write_wheel(tmp_path, "gamma", "1.0", requires=[f"beta>=2; {marker}"])
    own = actions_folder / "requirements.txt"
    own.write_text(f"--find-links {tmp_path}\ngamma\n")
    with pytest.raises(PackagingError, match=r"Add to \S+requirements\.txt:\n    beta>=2"):
        build_asset(functions, Target("lambda"), build_folder, actions_folder=actions_folder)
