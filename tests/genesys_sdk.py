"""The official Genesys Cloud Python SDK as an oracle: the API's requests, and its models.

Importing the SDK as it comes imports 6,600 models, which takes seconds. Here only what is asked
for is loaded, from the SDK's own files.
"""

import importlib
import inspect
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_SPEC = find_spec("PureCloudPlatformClientV2")
assert _SPEC is not None
assert _SPEC.origin is not None
SDK = Path(_SPEC.origin).parent

# A name of our own: whoever imports the SDK itself is not to be given this.
_PACKAGE = "genesys_sdk_models"
# What a setter of the SDK stores in place of a value that its enum does not have.
_UNKNOWN = "outdated_sdk_version"
_TYPES: dict[str, type] = {
    "str": str,
    "int": int,
    "bool": bool,
    "datetime": str,
    "object": object,
    "list": list,
    "dict": dict,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """A request of the API: the query parameters it takes, and the models of its bodies.

    Attributes
    ----------
    asked, answered
        Names of models, or words such as `str` and `object`; None where there is no body.
    """

    query: frozenset[str]
    asked: str | None
    answered: str | None


def operation(method: str, path: str) -> Operation | None:
    """Return the request that a method and a path are; None if the API has none."""
    steps = path.split("/")
    fits = [
        (template.count("{"), template)
        for template, its_method in operations()
        if its_method == method and _is_at(steps, template.split("/"))
    ]
    # `/integrations/actions` is no integration with the id `actions`.
    return operations()[min(fits)[1], method] if fits else None


@cache
def operations() -> Mapping[tuple[str, str], Operation]:
    """Return all of the API's requests by path, with names in braces in it, and method."""
    found: dict[tuple[str, str], Operation] = {}
    for file in (SDK / "apis").glob("*_api.py"):
        for function in file.read_text(encoding="utf-8").split("\n    def ")[1:]:
            path = re.search(r"resource_path = '([^']+)'", function)
            call = re.search(r"call_api\(resource_path, '([A-Z]+)'", function)
            if path and call:
                asked = re.search(r":param (\S+) body:", function)
                answered = re.search(r"response_type='([^']+)'", function)
                found[path[1], call[1]] = Operation(
                    frozenset(re.findall(r"query_params\['(\w+)'\]", function)),
                    asked and asked[1],
                    answered and answered[1],
                )
    return found


def fields(model: str) -> frozenset[str]:
    """Return a model's fields as JSON has them."""
    return frozenset(_new(model).attribute_map.values())


def types(model: str) -> Mapping[str, str]:
    """Return the types of a model's fields as the SDK writes them, such as `list[str]`."""
    it = _new(model)
    return {key: it.swagger_types[attribute] for attribute, key in it.attribute_map.items()}


def values(model: str, field: str) -> list[str]:
    """Return what a field of a model may hold, where that is one of some words."""
    it = _new(model)
    attributes = {key: attribute for attribute, key in it.attribute_map.items()}
    setter = getattr(type(it), attributes[field]).fset
    (words,) = re.findall(r"allowed_values = (\[.+\])", inspect.getsource(setter))
    allowed: list[str] = json.loads(words)
    return allowed


def mistakes(model: str, content: Mapping[str, Any], path: str = "") -> list[str]:
    """Return where JSON is not as a model has it: fields, types and words that it lacks."""
    it = _new(model)
    attributes = {key: attribute for attribute, key in it.attribute_map.items()}
    found: list[str] = []
    for key, value in content.items():
        where = f"{path}{key}"
        if key not in attributes:
            found.append(f"{where}: {model} has no such field")
            continue
        wanted = it.swagger_types[attributes[key]]
        kind, _, element = wanted.rstrip("]").partition("[")
        plain = _TYPES.get(kind.partition("(")[0])
        if plain is None:
            found += mistakes(wanted, value, f"{where}.")
        elif element and element not in _TYPES:
            for one in value:
                found += mistakes(element, one, f"{where}[].")
        elif not isinstance(value, plain):
            found.append(f"{where}: {value!r} is no {wanted}")
        else:
            setattr(it, attributes[key], value)
            if getattr(it, attributes[key]) == _UNKNOWN:
                found.append(f"{where}: {model} has no {value!r} there")
    return found


def _is_at(steps: list[str], template: list[str]) -> bool:
    return len(steps) == len(template) and all(
        wanted == step or wanted.startswith("{")
        for step, wanted in zip(steps, template, strict=True)
    )


def _new(model: str) -> Any:
    file = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", model).lower()
    return getattr(importlib.import_module(f"{_parent()}.models.{file}"), model)()


@cache
def _parent() -> str:
    """Return the name of a package that has the SDK's modules, without its `__init__`."""
    for name, folder in ((_PACKAGE, SDK), (f"{_PACKAGE}.models", SDK / "models")):
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return _PACKAGE
