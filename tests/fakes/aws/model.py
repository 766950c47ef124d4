"""botocore's models: whether it would send a call as its parameters are."""

import functools
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator


def problems_of(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """Return what botocore finds wrong with the types of an operation's parameters."""
    problems = ParamValidator().validate(parameters, _shape(service, operation))
    return problems.generate_report() if problems.has_errors() else ""


@functools.cache
def _shape(service: str, operation: str) -> Shape:
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape
    assert shape
    return shape
