"""The private network of the functions."""

import json
from typing import Any

from infra.settings.worker_environment import (
    CHARACTERS_OF_PRIVATE_NETWORK,
    characters_available,
)
from tests.infra.stacks import Stack, Statement, allow_statement

FUNCTIONS = ("Worker", "Subscription/Provider", "Watchdog")
VARIABLE = {"PRIVATE_NETWORK": "true"}


def ec2_arn(name: str) -> dict[str, Any]:
    account = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}]
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":ec2:", *account, f":{name}"]]}


def arn_in_any_account(name: str) -> dict[str, Any]:
    """Return the ARN of a subnet or group in a VPC that another account may share."""
    region = {"Ref": "AWS::Region"}
    return {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":ec2:", region, f":*:{name}"]]}


def network_statements(stack: Stack, path: str) -> list[Statement]:
    return [s for s in stack.role_statements(path) if "ec2:" in json.dumps(s["Action"])]


def test_all_functions_run_in_the_network_that_is_set(company: Stack, stack: Stack) -> None:
    for function in FUNCTIONS:
        assert company.properties(f"{function}/Function")["VpcConfig"] == {
            "SubnetIds": ["subnet-0a1b2c3d4e5f60718", "subnet-1b2c3d4e5f6071829"],
            "SecurityGroupIds": ["sg-0a1b2c3d4e5f60718"],
        }
        assert company.environment(function).items() >= VARIABLE.items()
        assert "VpcConfig" not in stack.properties(f"{function}/Function")
        assert stack.environment(function).keys().isdisjoint(VARIABLE)
        assert network_statements(stack, function) == []


def test_lambda_may_make_network_interfaces_there_and_the_code_may_not(company: Stack) -> None:
    group, *subnets = "security-group/sg-0a1b2c3d4e5f60718", "subnet/subnet-0a1b2c3d4e5f60718"
    places = [group, *subnets, "subnet/subnet-1b2c3d4e5f6071829"]
    manage = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface"]
    manage += ["ec2:UnassignPrivateIpAddresses"]
    see = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
    for function in FUNCTIONS:
        assert network_statements(company, function) == [
            allow_statement(
                "MakeNetworkInterfaces",
                "ec2:CreateNetworkInterface",
                [ec2_arn("network-interface/*"), *map(arn_in_any_account, places)],
            ),
            allow_statement("ManageNetworkInterfaces", manage, ec2_arn("*/*")),
            allow_statement("SeeNetworkInterfaces", see, "*"),
            {
                "Sid": "DenyNetworkInterfacesToCode",
                "Effect": "Deny",
                "Action": sorted(["ec2:CreateNetworkInterface", *manage, *see]),
                "Resource": "*",
                # Requests of a function's code carry the key, those of Lambda itself do not.
                "Condition": {"Null": {"lambda:SourceFunctionArn": "false"}},
            },
        ]


def test_the_functions_environments_have_room_for_the_networks_variable(
    company: Stack, tuned: Stack
) -> None:
    text = json.dumps(VARIABLE, separators=(",", ":"))
    assert len(text.strip("{}")) + len(",") == CHARACTERS_OF_PRIVATE_NETWORK
    assert {*company.settings.destinations} == {*tuned.settings.destinations}
    available = characters_available(company.settings)
    assert available == characters_available(tuned.settings) - CHARACTERS_OF_PRIVATE_NETWORK
