"""Small packages for pip: wheels and source distributions, and installed ones without pip."""

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def write_wheel(
    folder: Path, name: str, version: str, *, requires: Sequence[str] = (), platform: str = "any"
) -> Path:
    """Write a wheel that holds the module `<name>.py`; return its file."""
    tag = f"py3-none-{platform}"
    info = f"{name}-{version}.dist-info"
    contents = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": _metadata(name, version, requires),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    file = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as wheel:
        for path, content in {**contents, f"{info}/RECORD": record}.items():
            wheel.writestr(path, content)
    return file


def write_sdist(folder: Path, name: str, version: str) -> None:
    """Write a source distribution, which pip would have to build."""
    content = _metadata(name, version, ()).encode()
    with tarfile.open(folder / f"{name}-{version}.tar.gz", "w:gz") as sdist:
        member = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        member.size = len(content)
        sdist.addfile(member, io.BytesIO(content))


def write_installed(folder: Path, requires: Mapping[str, Sequence[str]]) -> None:
    """Write what pip leaves of packages: requirements by package, such as `alpha 1.0`."""
    for package, its_requirements in requires.items():
        name, version = package.split()
        info = folder / f"{name}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(_metadata(name, version, its_requirements))


def _metadata(name: str, version: str, requires: Sequence[str]) -> str:
    extras = {r.split("extra == ")[1].strip("'\"") for r in requires if "extra == " in r}
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    return "\n".join([*lines, *(f"Requires-Dist: {line}" for line in requires), ""])
