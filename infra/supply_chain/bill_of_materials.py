"""The bill of materials of the functions' asset, in the format CycloneDX."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from ..packaging.requirements import ARCHIVE_HASH_FILE, installed_packages
from .licences import licence_of

_PROJECT = Path(__file__).parents[2]


class NoAsset(ValueError):
    """A template has no Lambda function that is deployed from an asset."""


def find_asset(template_file: Path) -> tuple[Path, dict[str, str]]:
    """Return the folder of the functions' asset beside a synthesised template, and what runs it.

    All functions share one asset, runtime and architecture.
    """
    template = json.loads(template_file.read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        path = resource.get("Metadata", {}).get("aws:asset:path")
        if resource["Type"] == "AWS::Lambda::Function" and path:
            return template_file.parent / path, _runtime_of(resource["Properties"])
    raise NoAsset(f"{template_file} has no Lambda function with an asset: run `make sbom`.")


def make_bill(asset: Path, runtime: Mapping[str, str]) -> str:
    """Return the bill of materials of what is in an asset.

    Parameters
    ----------
    asset
        The folder of the asset, whose name ends with its hash, as CDK writes it.
    runtime
        What runs the asset, from `find_asset`.
    """
    project = tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    properties = {"asset": asset.name.removeprefix("asset."), **runtime}
    ours = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        description="The Lambda functions of Queue Ends, with the user's actions",
        licenses=[_licence(project["license"])],
        properties=[
            Property(name=f"queue-ends:{name}", value=value) for name, value in properties.items()
        ],
    )
    packages = [_component(package) for package in installed_packages([asset]).values()]
    bill = Bom(components=packages)
    bill.metadata.component = ours
    bill.register_dependency(ours, packages)
    return JsonV1Dot6(bill).output_as_string(indent=2)


def _runtime_of(function: Mapping[str, Any]) -> dict[str, str]:
    return {"runtime": function["Runtime"], "architecture": function["Architectures"][0]}


def _component(package: Distribution) -> Component:
    url = PackageURL("pypi", name=canonicalize_name(package.name), version=package.version)
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=url.to_string(),
        purl=url,
        hashes=list(_hashes(package)),
        licenses=[_licence(licence_of(package))],
    )


def _hashes(package: Distribution) -> Iterator[HashType]:
    """Yield the hash of the archive that pip installed, which an index lists; none of a folder."""
    if archive_hash := package.read_text(ARCHIVE_HASH_FILE):
        yield HashType(alg=HashAlgorithm.SHA_256, content=archive_hash.strip())


def _licence(declared: str) -> License:
    return LicenseFactory().make_from_string(
        declared, license_acknowledgement=LicenseAcknowledgement.DECLARED
    )
