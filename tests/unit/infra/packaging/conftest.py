"""Sources to pack, and a pip that installs only from a folder of small wheels."""

from pathlib import Path

import pytest

from infra.packaging import packages
from infra.packaging.pip import Installation
from tests.unit.infra.packaging.wheels import write_sdist, write_wheel


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    """Return a folder of sources, with an action and another module in `destinations`."""
    folder = tmp_path / "project" / "functions"
    (folder / "destinations").mkdir(parents=True)
    (folder / "requirements.txt").write_text("# none\n")
    (folder / "shared.py").write_text("ANSWER = 42\n")
    (folder / "destinations" / "bus.py").write_text("import shared\n")
    (folder / "destinations" / "actions.py").write_text("def on_conversation_end(end): ...\n")
    return folder


@pytest.fixture
def actions_folder(tmp_path: Path) -> Path:
    """Return a folder of the user's with an action that uses two files beside it."""
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "actions.py").write_text(
        "from .crm import Client\nfrom destinations import crm\n\n"
        "def on_conversation_end(end): ...\n"
    )
    (folder / "crm.py").write_text("class Client: ...\n")
    (folder / "words.json").write_text("{}")
    return folder


@pytest.fixture
def build_folder(tmp_path: Path) -> Path:
    """Return a folder to build in."""
    return tmp_path / "build"


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replace pip with a fake; return the list of folders that the fake fills."""
    folders: list[Path] = []

    def install(_: Installation, folder: Path) -> None:
        folders.append(folder)
        (folder / "package.py").write_text("")

    monkeypatch.setattr(packages, "install", install)
    return folders


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of wheels and source distributions."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheel(folder, "alpha", "1.0", requires=["beta>=2"])
    write_wheel(folder, "beta", "1.0")
    write_wheel(folder, "beta", "2.0")
    write_wheel(folder, "native", "1.0", platform="manylinux2014_x86_64")
    write_sdist(folder, "unbuilt", "1.0")
    return folder


@pytest.fixture
def index(wheels: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pip find the wheels, and nothing else; return their folder."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels
