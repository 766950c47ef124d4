"""The pinned CDK CLI finds what a deploy would lose of a deployed stack."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from local.aws.emulator import emulator
from local.aws.project import CLI, CLI_VARIABLES, ROOT


def table(key: str) -> dict[str, Any]:
    return {
        "Type": "AWS::DynamoDB::Table",
        "Properties": {
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        },
    }


def queue(path: str, name: str) -> dict[str, Any]:
    metadata = {"aws:cdk:path": f"QueueEnds-dev/{path}/Resource"}
    return {"Type": "AWS::SQS::Queue", "Metadata": metadata, "Properties": {"QueueName": name}}


def topic(name: str) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": name}}


def test_a_deploy_names_what_it_would_lose_of_a_deployed_stack(tmp_path: Path) -> None:
    dead_letters = "Intake/DeadLetterQueue"
    before = {
        "Ledger": table("conversation_id"),
        "Intake": queue("Intake/Queue", "intake"),
        "Dead": queue(dead_letters, "dead"),
        "Bucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"},
        "Topic": topic("before"),
    }
    after = {"Ledger": table("id"), "Dead": queue(dead_letters, "buried"), "Topic": topic("after")}
    (tmp_path / "template.json").write_text(json.dumps({"Resources": after}))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {"templateFile": "template.json", "stackName": "QueueEnds-dev"},
    }
    manifest = {"version": "40.0.0", "artifacts": {"QueueEnds-dev": stack}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with emulator() as aws:
        cloudformation = aws.client("cloudformation")
        template = json.dumps({"Resources": before})
        cloudformation.create_stack(StackName="QueueEnds-dev", TemplateBody=template)
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="QueueEnds-dev", WaiterConfig={"Delay": 0.1, "MaxAttempts": 300}
        )

        deploy = subprocess.run(
            [sys.executable, "-m", "infra.losses", "accept", str(CLI), "--app", str(tmp_path)],
            cwd=ROOT,
            env=aws.child_environment(**CLI_VARIABLES),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    assert [line for line in deploy.stdout.splitlines() if line.startswith("  - ")] == [
        "  - the intake queue, Intake/Queue, will be destroyed.",
        "  - the archive, Bucket, will be orphaned.",
        "  - the ledger, Ledger, will be replaced.",
        "  - the dead-letter queue, Intake/DeadLetterQueue, will be replaced.",
    ]
    assert deploy.returncode == 1
