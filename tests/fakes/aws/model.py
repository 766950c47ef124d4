"""botocore's models: whether it would send a call as its parameters are."""

import functools
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator


class Types:
    """The types of what a service's operations are called with."""

    def __init__(self, service: str) -> None:
        # Read here: within a call it would take of the time that the call may take.
        self._model = _model(service)

    def problems(self, operation: str, parameters: Mapping[str, Any]) -> str:
        """Return what botocore finds wrong with an operation's parameters."""
        shape = self._model.operation_model(operation).input_shape
        assert shape
        problems = ParamValidator().validate(parameters, shape)
        return problems.generate_report() if problems.has_errors() else ""


@functools.cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)
