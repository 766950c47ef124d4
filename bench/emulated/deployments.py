"""Deploys the worker and what people build with Powertools to the emulator."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from bench.emulated.entrants import LambdaFunction
from infra.packaging import Target, build_asset
from local.aws.emulator import Emulator
from local.aws.project import ROOT, Project
from local.genesys.stand_in import GenesysCloud

ACTIONS = ROOT / "bench/emulated/actions.py"
IDEMPOTENCY_TABLE = "Idempotency"
BUS = "QueueEndsdevEndsBus1A2B3C4D"
_SECRET = "queue-ends/genesys"  # noqa: S105 - a secret's name
MODULES = (
    "bench/__init__.py",
    "bench/contenders/__init__.py",
    "bench/contenders/ends.py",
    "bench/contenders/powertools.py",
    "bench/emulated/__init__.py",
    "bench/emulated/events.py",
    "bench/emulated/powertools_handler.py",
    "bench/world/__init__.py",
    "bench/world/invocation.py",
)
"""The files of the Powertools function, besides the packages."""


class Stacks:
    """Deploys the real template, with its default settings but for the destinations."""

    def __init__(self, aws: Emulator, genesys: GenesysCloud, folder: Path) -> None:
        self._aws, self._genesys = aws, genesys
        credentials = {"client_id": genesys.client_id, "client_secret": genesys.client_secret}
        secrets = aws.client("secretsmanager")
        secrets.create_secret(Name=_SECRET, SecretString=json.dumps(credentials))
        self._project = Project(aws, folder, actions=ACTIONS)
        self._project.bootstrap()
        self.ledgers: list[str] = []

    def deploy(self, stage: str, *destinations: str) -> LambdaFunction:
        outputs = self._project.deploy(
            stage,
            destinations=destinations,
            genesys_login_url=self._genesys.url,
            genesys_api_url=self._genesys.url,
            genesys_secret=_SECRET,
        ).outputs
        self.ledgers.append(outputs["LedgerTableName"])
        return LambdaFunction(self._aws, outputs["QueueUrl"], outputs["WorkerFunctionName"])


class PowertoolsFunctions:
    """Makes functions with Powertools' batch processor and Idempotency.

    Parameters
    ----------
    worker
        The worker, whose queue and event source mapping are copied.
    """

    def __init__(self, aws: Emulator, worker: LambdaFunction) -> None:
        self._aws, self._code = aws, _zipped_code()
        self._queue_attributes = _settings_of(aws.client("sqs"), worker.queue_url)
        self._mapping_settings = worker.mapping_settings()
        aws.client("events").create_event_bus(Name=BUS)
        aws.client("dynamodb").create_table(
            TableName=IDEMPOTENCY_TABLE,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def make(self, name: str, *, uses_bus: bool) -> LambdaFunction:
        sqs, functions = self._aws.client("sqs"), self._aws.client("lambda")
        queue = sqs.create_queue(QueueName=name, Attributes=self._queue_attributes)
        functions.create_function(
            FunctionName=name,
            Runtime="python3.14",
            Role=f"arn:aws:iam::{self._aws.account}:role/{name}",
            Handler="bench.emulated.powertools_handler.handler",
            Code={"ZipFile": self._code},
            Timeout=30,
            MemorySize=256,
            Environment={"Variables": {"USES_BUS": str(uses_bus).lower()}},
        )
        functions.create_event_source_mapping(
            FunctionName=name,
            EventSourceArn=f"arn:aws:sqs:{self._aws.region}:{self._aws.account}:{name}",
            **self._mapping_settings,
        )
        return LambdaFunction(self._aws, queue["QueueUrl"], name)


def _settings_of(sqs: Any, queue_url: str) -> dict[str, str]:
    names = ["VisibilityTimeout", "RedrivePolicy"]
    attributes: dict[str, str] = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)[
        "Attributes"
    ]
    return {name: attributes[name] for name in names}


def _zipped_code() -> bytes:
    """Return the Lambda asset: the worker's, for its packages, with the handler's modules."""
    asset = build_asset(ROOT / "functions", Target("host"), ROOT / "build").folder
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as code:
        for file in filter(Path.is_file, asset.rglob("*")):
            code.write(file, file.relative_to(asset))
        for module in MODULES:
            code.write(ROOT / module, module)
    return archive.getvalue()
