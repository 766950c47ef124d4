"""What a pipeline may do with the policies that `make policy` writes, where IAM is enforced."""

import json
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra.deploy_policy.documents import deploy_document, execution_documents, review_documents
from infra.deploy_policy.names import Target
from local.aws.emulator import Emulator
from local.aws.project import CLI, CLI_VARIABLES, Deployment
from tests.local.stack.world import World

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("deployed stack")

STACK = "QueueEnds-dev"
NAMED = {
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::DynamoDB::Table",
    "AWS::Events::EventBus",
    "AWS::Events::Rule",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
}
"""The types whose physical id ends with the name in the resource's ARN."""


def make_user(aws: Emulator, name: str, documents: list[dict[str, Any]]) -> dict[str, str]:
    """Create a user with these policies, and return the variables with the user's key."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    for number, document in enumerate(documents):
        iam.put_user_policy(
            UserName=name, PolicyName=f"part-{number}", PolicyDocument=json.dumps(document)
        )
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def client_of(aws: Emulator, service: str, user: dict[str, str]) -> Any:
    make_client: Any = boto3.client  # typed for fixed names of services alone
    return make_client(
        service,
        region_name=aws.region,
        endpoint_url=aws.endpoint,
        aws_access_key_id=user["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=user["AWS_SECRET_ACCESS_KEY"],
        verify=aws.environment["AWS_CA_BUNDLE"],
    )


def assembly_of(template: dict[str, Any], folder: Path, bootstrap_role: str) -> Path:
    """Write a cloud assembly of a deployed template, with the role that compares it."""
    (folder / "template.json").write_text(json.dumps(template))
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": "aws://unknown-account/unknown-region",
        "properties": {
            "templateFile": "template.json",
            "stackName": STACK,
            "lookupRole": {
                "arn": bootstrap_role,
                "requiresBootstrapStackVersion": 8,
                "bootstrapStackVersionSsmParameter": "/cdk-bootstrap/hnb659fds/version",
            },
        },
    }
    manifest = {"version": "40.0.0", "artifacts": {STACK: stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_pipeline_may_do_what_its_policies_are_for_and_nothing_else(
    world: World, deployed: Deployment, tmp_path: Path
) -> None:
    aws = world.aws
    cloudformation = aws.client("cloudformation")
    template = cloudformation.get_template(StackName=STACK)["TemplateBody"]
    target = Target(template, STACK, aws.account, aws.region)
    deployer = make_user(aws, "deployer", [deploy_document(target)])
    reviewer = make_user(aws, "reviewer", review_documents(target))
    (roles,) = deploy_document(target)["Statement"]
    lookup_role = next(arn for arn in roles["Resource"] if "lookup" in arn)
    assembly = assembly_of(template, tmp_path, lookup_role)

    def compare(user: dict[str, str]) -> str:
        run = subprocess.run(
            [str(CLI), "diff", "--method", "template", "--app", str(assembly), "--ci"],
            cwd=tmp_path,
            env=aws.child_environment(**CLI_VARIABLES) | user,
            capture_output=True,
            text=True,
            check=False,
        )
        return run.stdout + run.stderr

    deploying = client_of(aws, "cloudformation", deployer)
    reviewing = client_of(aws, "cloudformation", reviewer)

    assert "There were no differences" in compare(reviewer)
    assert reviewing.detect_stack_drift(StackName=STACK)["StackDriftDetectionId"]
    for role in roles["Resource"]:
        assume = {"RoleArn": role, "RoleSessionName": "pipeline"}
        assert client_of(aws, "sts", deployer).assume_role(**assume)["Credentials"]
        with pytest.raises(ClientError, match="AccessDenied"):
            client_of(aws, "sts", reviewer).assume_role(**assume)
    for refused in (deploying.detect_stack_drift, deploying.delete_stack, reviewing.delete_stack):
        with pytest.raises(ClientError, match="AccessDenied"):
            refused(StackName=STACK)


def test_the_policy_for_cloudformation_names_every_resource_of_the_deployed_stack(
    world: World, deployed: Deployment
) -> None:
    """The emulator does not check CloudFormation's own role, but gives real names."""
    aws = world.aws
    cloudformation = aws.client("cloudformation")
    template = cloudformation.get_template(StackName=STACK)["TemplateBody"]
    target = Target(template, STACK, aws.account, aws.region)
    statements = [s for d in execution_documents(target) for s in d["Statement"]]
    patterns = {
        arn.split(":")[-1].split("/")[-1] for s in statements for arn in s["Resource"] if arn != "*"
    }
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    names = {
        resource["PhysicalResourceId"].split(":")[-1].split("/")[-1]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] in NAMED
    }
    assert len(names) > 15
    assert {
        name for name in names if not any(fnmatch(name, pattern) for pattern in patterns)
    } == set()
