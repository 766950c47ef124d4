"""Requirements files, read for a target, and the requirements that installed packages have."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from urllib.parse import unquote

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from .errors import PackagingError
from .target import Target

RUNTIME_DISTRIBUTIONS = frozenset(
    {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
)
"""The packages that Lambda's Python runtimes hold. An asset may bring versions of its own."""

ARCHIVE_HASH_FILE = "ARCHIVE.sha256"
"""The file in a package's metadata with the SHA-256 of the archive that pip installed it from."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a requirements file: a requirement without its marker, and pip's options.

    An option on its own line, such as `--index-url`, and a path have no requirement.
    """

    text: str
    requirement: Requirement | None = None

    @property
    def constraint(self) -> str | None:
        """The line that holds pip to the required version; None without a requirement."""
        if self.requirement is None:
            return None
        return f"{self.requirement.name}{self.requirement.specifier}"

    @property
    def local_path(self) -> Path | None:
        """The file or folder on this machine that pip installs; None if it asks an index."""
        place = self.text if self.requirement is None else self.requirement.url or ""
        path = re.sub(r"\[[^]]*\]$", "", unquote(place.removeprefix("file://")))
        return Path(path) if path and _is_there(path) else None


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement of a package that no package in the asset meets."""

    name: str
    version: str
    requirement: str
    installed_version: str | None

    def __str__(self) -> str:
        """Return who requires what, and what is there instead."""
        asking = f"{self.name} {self.version} requires {self.requirement}"
        found = f"version {self.installed_version} is" if self.installed_version else "it is not"
        return f"{asking}, but {found} in the asset"


def read_requirements(file: Path, target: Target) -> list[Line]:
    """Return the lines of a requirements file that hold for the target, files it includes too.

    pip evaluates markers (`; python_version < "3.12"`) for the Python that runs it, whatever
    `--python-version` says. The lines therefore have none.

    Raises
    ------
    PackagingError
        If a file cannot be read, or includes constraints.
    """
    return list(_lines_for(target, file, set()))


def _lines_for(target: Target, file: Path, files_read: set[Path]) -> Iterator[Line]:
    if file.resolve() in files_read:
        return
    files_read.add(file.resolve())
    for line in _written_lines(file):
        option, _, value = re.sub(r"^(-[a-z]|--[a-z-]+)[\s=]*", r"\1 ", line).partition(" ")
        value = value.strip("\"'")
        if option in ("-r", "--requirement"):
            yield from _lines_for(target, file.parent / value, files_read)
        elif option in ("-f", "--find-links") and _is_there(file.parent / value):
            # pip looks beside the file that it reads, which is a copy.
            yield Line(f'--find-links="{(file.parent / value).resolve()}"')
        elif option in ("-e", "--editable"):
            yield from _for_target(value, target)  # the asset needs the files, not their place
        elif option in ("-c", "--constraint"):
            raise PackagingError(
                f"Queue Ends: {file} names a file of constraints ({line}). Write the versions into "
                f"{file.name} itself."
            )
        elif line:
            yield from _for_target(line, target)


def _is_there(path: str | Path) -> bool:
    """Return whether a text is a path that exists, however long a URL it is instead."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises an error for long names


def _written_lines(file: Path) -> Iterator[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PackagingError(
            f"Queue Ends: {file} cannot be read as UTF-8 text: {error}. Correct it, or the line "
            "`-r` that includes it."
        ) from error
    for written in re.sub(r"\\\n", " ", text).splitlines():
        yield re.sub(r"(^|\s)#.*", "", written).strip()


def _for_target(line: str, target: Target) -> Iterator[Line]:
    text, *options = re.split(r"\s+(?=--)", line)
    try:
        requirement = Requirement(text)
    except InvalidRequirement:  # an option or a path, or a mistake, which pip will report
        yield Line(line)
        return
    if _holds(requirement, target, {""}):
        requirement.marker = None
        yield Line(" ".join([str(requirement), *options]), requirement)


def unmet_requirements(
    folders: Sequence[Path], lines: Iterable[Line], target: Target
) -> list[Unmet]:
    """Return the requirements of the packages in the folders that none of the packages meets.

    Parameters
    ----------
    folders
        Folders with installed packages. If two hold the same package, the first folder counts.
    lines
        The lines that were installed. They say which extras of a package are wanted.
    target
        The target for which the requirements' markers are evaluated.
    """
    packages = installed_packages(folders)
    extras: defaultdict[str, set[str]] = defaultdict(lambda: {""})
    for line in lines:
        if line.requirement:
            extras[canonicalize_name(line.requirement.name)] |= line.requirement.extras
    # An extra can ask for extras of other packages, so the search goes on until it finds no more.
    wanted: dict[tuple[str, str], Requirement] = {}
    found_more = True
    while found_more:
        found_more = False
        for name, package in packages.items():
            for requirement in _requirements_of(package):
                key = (name, str(requirement))
                if key not in wanted and _holds(requirement, target, extras[name]):
                    wanted[key] = requirement
                    extras[canonicalize_name(requirement.name)] |= requirement.extras
                    found_more = True
    return [
        Unmet(name, packages[name].version, _without_marker(requirement), version)
        for (name, _), requirement in wanted.items()
        if not _is_met(requirement, version := _version_of(packages, requirement))
    ]


def built_here(folder: Path) -> list[str]:
    """Return the packages that pip has compiled for this machine, from a path or a repository."""
    # Whatever an index has is a wheel for the target: pip is not allowed to build that.
    return [
        name
        for name, package in installed_packages([folder]).items()
        if package.read_text("direct_url.json")
        and not re.search(r"(?m)^Tag: .*(any|manylinux)", package.read_text("WHEEL") or "")
    ]


def installed_packages(folders: Sequence[Path]) -> dict[str, Distribution]:
    """Return the packages that are installed in folders, by normalised name, sorted by name."""
    found = {
        canonicalize_name(package.name): package
        for folder in reversed(folders)
        for package in distributions(path=[str(folder)])
    }
    return dict(sorted(found.items()))


def _requirements_of(package: Distribution) -> Iterator[Requirement]:
    for text in package.requires or ():
        try:
            yield Requirement(text)
        except InvalidRequirement:  # old packages; pip ignores them as well
            continue


def _holds(requirement: Requirement, target: Target, extras: set[str]) -> bool:
    marker, environment = requirement.marker, target.marker_environment
    return marker is None or any(marker.evaluate(environment | {"extra": e}) for e in extras)


def _version_of(packages: dict[str, Distribution], requirement: Requirement) -> str | None:
    package = packages.get(canonicalize_name(requirement.name))
    return package.version if package else None


def _is_met(requirement: Requirement, version: str | None) -> bool:
    if version is None:
        return canonicalize_name(requirement.name) in RUNTIME_DISTRIBUTIONS
    return requirement.specifier.contains(version, prereleases=True)


def _without_marker(requirement: Requirement) -> str:
    return str(requirement).partition(";")[0].strip()
