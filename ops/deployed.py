"""A deployed stack: its outputs, and its worker's environment and log group."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ops.aws import Aws
from ops.errors import OpsError


@dataclass(frozen=True, slots=True)
class Deployed:
    """A stage's deployed stack.

    Attributes
    ----------
    status
        The stack's status in CloudFormation, such as `UPDATE_COMPLETE`.
    outputs
        The stack's outputs, keyed by logical id, such as `QueueUrl`.
    """

    aws: Aws
    stage: str
    name: str
    status: str
    outputs: Mapping[str, str]

    def output(self, key: str) -> str:
        """Return an output; raise `OpsError` if the stack does not have it."""
        if key not in self.outputs:
            raise OpsError(
                f"The stack {self.name} has no output {key}; its status is {self.status}. "
                f"Deploy it again: make deploy STAGE={self.stage}"
            )
        return self.outputs[key]

    @property
    def queue_url(self) -> str:
        """The intake queue's URL."""
        return self.output("QueueUrl")

    @property
    def dead_letter_queue_url(self) -> str:
        return self.output("DeadLetterQueueUrl")

    @property
    def ledger_table(self) -> str:
        return self.output("LedgerTableName")

    @property
    def worker_name(self) -> str:
        return self.output("WorkerFunctionName")

    def worker_variables(self) -> Mapping[str, str]:
        """Return the worker's environment variables, which hold the settings as deployed."""
        variables: Mapping[str, str] = _configuration(self.aws, self.worker_name)["Environment"][
            "Variables"
        ]
        return variables

    def worker_log_group(self) -> str:
        """Return the name of the log group that the worker writes to."""
        return log_group_of(self.aws, self.worker_name)


def log_group_of(aws: Aws, function_name: str) -> str:
    """Return the name of the log group that a function writes to."""
    log_group = _configuration(aws, function_name).get("LoggingConfig", {}).get("LogGroup")
    return str(log_group or f"/aws/lambda/{function_name}")


def _configuration(aws: Aws, function_name: str) -> Mapping[str, Any]:
    """Return a function's configuration (see "GetFunctionConfiguration" in the Lambda API)."""
    configuration: Mapping[str, Any] = aws.client("lambda").get_function_configuration(
        FunctionName=function_name
    )
    return configuration


def stack_name(stage: str) -> str:
    """Return the name of a stage's stack."""
    return f"QueueEnds-{stage}"


def find_deployed(aws: Aws, stage: str) -> Deployed | None:
    """Return a stage's deployed stack; None if there is none."""
    name = stack_name(stage)
    try:
        (stack,) = aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # CloudFormation has no error code of its own for a stack that does not exist.
        if "does not exist" in str(error):
            return None
        raise
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    return Deployed(aws, stage, name, stack["StackStatus"], outputs)


def require_deployed(aws: Aws, stage: str) -> Deployed:
    """Return a stage's deployed stack; raise `OpsError` if there is none."""
    deployed = find_deployed(aws, stage)
    if deployed is None:
        raise OpsError(
            f"There is no stack {stack_name(stage)} in {aws}. Choose another --stage or another "
            f"account, or deploy it: make deploy STAGE={stage}"
        )
    return deployed
