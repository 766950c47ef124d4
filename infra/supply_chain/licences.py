"""The licences of the packages in an asset, and NOTICE, which lists them."""

import re
from importlib.metadata import Distribution
from pathlib import Path

from ..packaging.requirements import installed_packages

_HEAD = """\
Queue Ends is licensed under the Apache License, Version 2.0: see LICENSE.

The asset of the Lambda functions also contains the packages below, each under its own licence (an
SPDX identifier). A package's folder `<name>-<version>.dist-info` in the asset holds the text of its
licence, and its notices. Packages that your actions need are not in this list.

"""
_LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice)", re.IGNORECASE)


def licence_of(package: Distribution) -> str:
    """Return the licence that a package declares, such as MIT; `unknown` if it declares none."""
    metadata = package.metadata
    declared = [metadata[name] for name in ("License-Expression", "License") if name in metadata]
    # Some packages declare the licence's name only here, and others the whole text above.
    declared += [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier") or ()
        if classifier.startswith("License :: ")
    ]
    return next((text for text in declared if text and "\n" not in text), "unknown")


def licence_files(package: Distribution) -> list[str]:
    """Return the names of the files with the texts of a package's licence."""
    names = (Path(str(file)) for file in package.files or ())
    return sorted(
        file.name
        for file in names
        if file.parts[0].endswith(".dist-info") and _LICENCE_FILE.match(file.name)
    )


def render_notice(asset: Path) -> str:
    """Return the text of NOTICE for the packages in an asset."""
    packages = installed_packages([asset])
    width = max(map(len, packages))
    lines = [f"{name:{width}}  {licence_of(package)}" for name, package in packages.items()]
    return _HEAD + "\n".join(lines) + "\n"
