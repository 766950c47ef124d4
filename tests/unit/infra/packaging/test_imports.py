"""The functions' modules import from the asset alone; what cannot be checked stops nothing."""

import platform
import sys
from pathlib import Path

import pytest

from infra.packaging import PackagingError, Target, build_asset, import_check, packages
from infra.packaging.modules import standard_modules
from infra.packaging.pip import Installation

HOST = Target("host")
# Another Python than this one.
OTHER = Target("lambda", python_version="3.13" if sys.version_info[:2] == (3, 14) else "3.14")
OTHER_MACHINE = "arm64" if platform.machine() == "x86_64" else "x86_64"

pytestmark = pytest.mark.usefixtures("installs")


def notices_of(
    functions: Path, build_folder: Path, actions: str, target: Target = HOST
) -> tuple[str, ...]:
    """Return the notices about the imports; this machine may lack the target's Python besides."""
    (functions / "destinations" / "actions.py").write_text(actions)
    notices = build_asset(functions, target, build_folder).notices
    return tuple(it for it in notices if "imports" in it)


def error_of(functions: Path, build_folder: Path, actions: str, target: Target = HOST) -> str:
    with pytest.raises(PackagingError) as error:
        notices_of(functions, build_folder, actions, target)
    return str(error.value)


def install_package(monkeypatch: pytest.MonkeyPatch, files: dict[str, str]) -> None:
    """Let the fake pip install files, by path."""

    def install(_: Installation, folder: Path) -> None:
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(content)

    monkeypatch.setattr(packages, "install", install)


@pytest.mark.parametrize(
    ("actions", "fault"),
    [
        ("import shared\nimport zeep", "line 2: there is no module zeep in the asset."),
        ("import pytest", "line 1: there is no module pytest in the asset."),
        ("import crm", "line 1: there is no module crm. The one beside actions.py is imported"),
        ("from .crm import Nothing", "line 1: ImportError: cannot import name 'Nothing'"),
        ("from .crm2 import it", "line 1: there is no module destinations.crm2 in the asset."),
        ("def act(end):\n    return end.", "line 2: SyntaxError: invalid syntax"),
        # In a function: it would fail with the first end.
        ("def act(end):\n    import zeep", "line 2: there is no module zeep in the asset."),
        ("def act(end):\n    from .crm2 import it", "line 2: there is no module destinations.crm2"),
    ],
)
def test_an_import_that_would_fail_stops_the_build_and_is_named(
    functions: Path, build_folder: Path, actions: str, fault: str
) -> None:
    (functions / "destinations" / "crm.py").write_text("")
    message = error_of(functions, build_folder, actions)
    lines = [line for line in message.splitlines() if line.startswith("  - ")]
    assert len(lines) == 1
    assert f"{functions / 'destinations' / 'actions.py'}, {fault}" in lines[0]
    assert "run `make lock`" in message


def test_a_module_that_the_target_s_python_no_longer_has_stops_the_build(
    functions: Path, build_folder: Path
) -> None:
    message = error_of(functions, build_folder, "import telnetlib", Target("lambda"))
    assert "there is no module telnetlib: the standard library no longer has it." in message


@pytest.mark.parametrize(
    "actions",
    [
        "try:\n    import lxml_of_ours\nexcept ImportError:\n    lxml_of_ours = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_sqs",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import lxml_of_ours",
        "from importlib.util import find_spec\nif find_spec('ours'):\n    import lxml_of_ours",
        "import boto3, urllib3, dateutil.tz",
        "from shared import ANSWER\nfrom . import bus",
    ],
)
def test_imports_that_lambda_can_do_are_no_fault(
    functions: Path, build_folder: Path, actions: str
) -> None:
    # A script that somebody keeps beside the actions is not imported.
    (functions / "destinations" / "load_once.py").write_text("import zeep\n")
    assert notices_of(functions, build_folder, actions) == ()


def test_an_action_that_needs_lambda_s_variables_is_built_with_a_notice(
    functions: Path, build_folder: Path
) -> None:
    (notice,) = notices_of(functions, build_folder, "import os\nos.environ['CRM_URL']\n")
    assert notice.startswith(
        "Not all imports could be checked: destinations.actions raised KeyError: 'CRM_URL' at "
    )
    assert notice.endswith("actions.py, line 2.")


def test_a_module_that_is_imported_at_build_time_has_no_credentials_and_no_network(
    functions: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.setenv(name, "ours")
    (notice,) = notices_of(
        functions, build_folder, "import boto3\nboto3.client('sts').get_caller_identity()\n"
    )
    assert "raised NoCredentialsError" in notice
    (notice,) = notices_of(
        functions, build_folder, "import socket\nsocket.create_connection(('127.0.0.1', 9))\n"
    )
    assert "Queue Ends imports modules without a network" in notice
    (notice,) = notices_of(
        functions, build_folder, "import os\nraise ValueError(os.environ, os.listdir('~'))\n"
    )
    assert "ours" not in notice.replace(str(functions), "")


def test_a_module_that_is_imported_at_build_time_cannot_change_the_asset(
    functions: Path, build_folder: Path
) -> None:
    actions = "from pathlib import Path\nPath(__file__).with_name('new.txt').write_text('')\n"
    (notice,) = notices_of(functions, build_folder, actions)
    assert "Lambda has a read-only file system" in notice
    assert list(build_folder.rglob("new.txt")) == []


@pytest.mark.parametrize("actions", ["while True: ...", "import os\nos._exit(0)"])
def test_an_import_that_does_not_end_stops_nothing(
    functions: Path, build_folder: Path, actions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_check, "TIME_LIMIT_SECONDS", 1.0)
    (notice,) = notices_of(functions, build_folder, actions)
    assert "Does a module of yours do work when it is imported?" in notice


def test_a_package_for_another_machine_cannot_be_checked(
    functions: Path, build_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_package(
        monkeypatch, {"native/__init__.py": "from . import _it\n", "native/_it.abi3.so": ""}
    )
    target = Target("lambda", OTHER_MACHINE, OTHER.python_version)
    (notice,) = notices_of(functions, build_folder, "import native", target)
    assert "lacks packages that the functions will have: native." in notice

    # Once this machine has the package, the same asset is checked with it.
    (tmp_path / "native-1.0.dist-info").mkdir()
    (tmp_path / "native.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert notices_of(functions, build_folder, "import native", target) == ()


def test_a_newer_python_than_the_target_s_knows_what_the_target_s_still_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdlib_module_names", frozenset({"os", "compression"}))
    older = standard_modules(Target("lambda", python_version="3.12"))
    assert {"os", "telnetlib"} <= older
    assert not {"distutils", "compression"} & older


@pytest.mark.parametrize(
    ("package", "is_fault"),
    [
        ("import undeclared", True),
        # The target's Python may take another branch, or know more than this one.
        ("import sys\nif sys.version_info > (3, 0):\n    import undeclared", False),
        ("from typing import NotYetThere", False),
        ("this is a syntax to come", False),
    ],
)
def test_a_fault_in_a_package_counts_only_if_another_python_has_it_too(
    functions: Path,
    build_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    *,
    is_fault: bool,
) -> None:
    install_package(monkeypatch, {"alpha/__init__.py": package})
    if is_fault:
        message = error_of(functions, build_folder, "import alpha", OTHER)
        assert "alpha/__init__.py, line 1: there is no module undeclared" in message
    else:
        assert len(notices_of(functions, build_folder, "import alpha", OTHER)) == 1


def test_a_package_with_the_name_of_a_module_of_ours_is_refused(
    functions: Path, build_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_package(monkeypatch, {"shared/__init__.py": ""})
    assert "brings a module shared" in error_of(functions, build_folder, "")
