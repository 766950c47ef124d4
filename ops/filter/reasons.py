"""Explains why an expression does not match: the values of the fields that it names.

It walks the tree of `jsonata-python`. Of a comparison of a field with constants it says whether it
holds. Of every other field it says the value.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonata.jsonata import Jsonata

# A list of constants can have fifty queue ids.
_MAX_SHOWN_CONSTANTS = 3
_MAX_VALUE_CHARACTERS = 80
# The attributes of a node that hold other nodes. Names in a filter (`stages`) are not among them,
# because they belong to the items of the list that is filtered.
_CHILDREN = (
    "lhs",
    "rhs",
    "arguments",
    "expressions",
    "condition",
    "then",
    "_else",
    "expression",
    "body",
)
_CONSTANTS = ("string", "number", "value")
_ABSENT = object()


def parse(expression: str) -> Any:
    """Return the expression's tree."""
    return Jsonata(expression).ast


def explain_result(
    tree: Any, attributes: Mapping[str, Any], result: object, shown: str
) -> list[str]:
    """Return the reasons why a result is not exactly true."""
    reasons = []
    if result is not False:
        kind = "nothing" if result is None else shown
        reasons.append(f"the result is {kind}, but only exactly true matches")
    comparisons = list(_find_comparisons(tree))
    explained = set()
    for path, operator, constants in comparisons:
        value = _look_up(attributes, path)
        explained.add(path)
        if value is _ABSENT or not _holds(value, operator, constants):
            reasons.append(f"{_shown(path, value)}, not {_list(constants)}")
    reasons += [
        f"{name}(…) without $ is no function, and fails if it is evaluated: write ${name}(…)"
        for name in _find_functions_without_dollar(tree)
    ]
    for path in dict.fromkeys(_find_paths(tree)):
        if path not in explained:
            reasons.append(_shown(path, _look_up(attributes, path)))
    return reasons


def _find_comparisons(node: Any) -> Iterator[tuple[tuple[str, ...], str, list[Any]]]:
    """Yield each comparison of a field with constants: the path, the operator and the constants."""
    for each in _nodes(node):
        if each.type != "binary" or each.value not in ("=", "in"):
            continue
        sides = [(each.lhs, each.rhs)]
        if each.value == "=":
            sides.append((each.rhs, each.lhs))
        for field, other in sides:
            path, constants = _path_of(field), _constants_of(other, each.value)
            if path and constants is not None:
                yield path, each.value, constants
                break


def _find_functions_without_dollar(node: Any) -> Iterator[str]:
    for each in _nodes(node):
        name = _path_of(getattr(each, "procedure", None))
        if len(name) == 1:
            yield name[0]


def _find_paths(node: Any) -> Iterator[tuple[str, ...]]:
    for each in _nodes(node):
        path = _path_of(each)
        if path:
            yield path


def _nodes(node: Any) -> Iterator[Any]:
    """Yield a node and the nodes in it, without recursion: expressions can be deep."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list | tuple):
            waiting += reversed(each)
        elif getattr(each, "type", None):
            yield each
            waiting += [getattr(each, name, None) for name in reversed(_CHILDREN)]


def _path_of(node: Any) -> tuple[str, ...]:
    """Return the names of a path up to its first other step; empty if the node is no path."""
    if getattr(node, "type", None) != "path":
        return ()
    names = []
    steps = list(node.steps)
    # `$` at the beginning stands for the attributes themselves.
    if steps and steps[0].type == "variable" and steps[0].value == "":
        steps = steps[1:]
    for step in steps:
        if step.type != "name":
            break
        names.append(str(step.value))
    return tuple(names)


def _constants_of(node: Any, operator: str) -> list[Any] | None:
    """Return the constants that a node stands for; None if it is something else."""
    kind = getattr(node, "type", None)
    if kind in _CONSTANTS:
        return [node.value]
    is_list = operator == "in" and kind == "unary" and node.value == "["
    if is_list and all(each.type in _CONSTANTS for each in node.expressions):
        return [each.value for each in node.expressions]
    return None


def _look_up(value: Any, path: tuple[str, ...]) -> Any:
    """Return a field's value; of a list, that of each item that has the field."""
    for name in path:
        if isinstance(value, list):
            items = [_look_up(item, (name,)) for item in value]
            value = [item for item in items if item is not _ABSENT] or _ABSENT
        elif isinstance(value, Mapping) and name in value:
            value = value[name]
        else:
            return _ABSENT
    return value


def _holds(value: Any, operator: str, constants: list[Any]) -> bool:
    if operator == "in":
        return value in constants
    # JSONata takes a list of one item for the item.
    return constants in ([value], value)


def _shown(path: tuple[str, ...], value: Any) -> str:
    name = ".".join(path)
    # Of objects only the keys are shown, because they can hold personal data.
    match value:
        case _ if value is _ABSENT:
            return f"{name} is absent"
        case dict():
            text = f"an object with {', '.join(value) or 'nothing'}"
        case list() if any(isinstance(item, dict | list) for item in value):
            text = f"a list of {len(value)}"
        case _:
            text = json.dumps(value, ensure_ascii=False)
    if len(text) > _MAX_VALUE_CHARACTERS:
        text = f"{text[: _MAX_VALUE_CHARACTERS - 1]}…"
    return f"{name} is {text}"


def _list(constants: list[Any]) -> str:
    texts = [json.dumps(each, ensure_ascii=False) for each in constants[:_MAX_SHOWN_CONSTANTS]]
    if len(constants) == 1:
        return texts[0]
    more = len(constants) - len(texts)
    return f"one of {', '.join(texts)}" + (f" and {more} more" if more else "")
