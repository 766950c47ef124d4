"""A secret that is planted in any kind of artefact is found, in whichever form it is there."""

import gzip
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.aws.emulator import Emulator, emulator
from tests.artefacts import KINDS, files
from tests.polling import wait_until
from tests.secret_search import SecretSearch

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("artefacts")

QUEUE: dict[str, Any] = {"Resources": {"It": {"Type": "AWS::SQS::Queue"}}}
ROLE = "arn:aws:iam::111122223333:role/any"
Plant = Callable[[Emulator, str], object]


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as aws:
        yield aws


def _make_stack(aws: Emulator, name: str, template: dict[str, Any], status: str) -> None:
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))

    def has_status() -> bool:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        return bool(stack["StackStatus"] == status)

    wait_until(has_status, f"the stack to be {status}")


def _template(aws: Emulator, secret: str) -> None:
    _make_stack(aws, "described", QUEUE | {"Description": secret}, "CREATE_COMPLETE")


def _template_of_a_deleted_stack(aws: Emulator, secret: str) -> None:
    _make_stack(aws, "gone", QUEUE | {"Metadata": {"it": secret}}, "CREATE_COMPLETE")
    aws.client("cloudformation").delete_stack(StackName="gone")


def _stack_output(aws: Emulator, secret: str) -> None:
    # Joined here alone, so that the template does not hold it.
    value = {"Fn::Join": ["", [*secret]]}
    _make_stack(aws, "told", QUEUE | {"Outputs": {"It": {"Value": value}}}, "CREATE_COMPLETE")


def _event_of_a_failed_create(aws: Emulator, secret: str) -> None:
    name = {"Fn::Join": ["", ["arn:aws:lambda:us-east-1:111122223333:function:", *secret]]}
    resource = {"Type": "Custom::Planted", "Properties": {"ServiceToken": name}}
    _make_stack(aws, "failed", {"Resources": {"It": resource}}, "ROLLBACK_COMPLETE")


def _function(aws: Emulator, secret: str) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("index.py", "def handler(event, context): pass")
    aws.client("lambda").create_function(
        FunctionName="planted",
        Runtime="python3.14",
        Handler="index.handler",
        Role=ROLE,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"KEY": secret}},
    )


def _log_line(aws: Emulator, secret: str) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="/planted")
    logs.create_log_stream(logGroupName="/planted", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": json.dumps({"error": secret})}
    logs.put_log_events(logGroupName="/planted", logStreamName="s", logEvents=[event])


def _message_attribute(aws: Emulator, secret: str) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="planted")["QueueUrl"]
    detail = {"DataType": "String", "StringValue": f"expected {secret}"}
    sqs.send_message(QueueUrl=url, MessageBody="body", MessageAttributes={"detail": detail})


def _item(aws: Emulator, secret: str) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName="planted",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"id": {"S": "1"}, "packed": {"B": secret.encode()}}
    dynamodb.put_item(TableName="planted", Item=item)


def _archived_object(aws: Emulator, secret: str) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="planted")
    s3.put_object(Bucket="planted", Key="ends/1.gz", Body=gzip.compress(secret.encode()))


def _topic(aws: Emulator, secret: str) -> None:
    attributes = {"DisplayName": secret}
    aws.client("sns").create_topic(Name="planted", Attributes=attributes)


def _alarm(aws: Emulator, secret: str) -> None:
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="planted",
        AlarmDescription=secret,
        Namespace="N",
        MetricName="M",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )


def _dashboard(aws: Emulator, secret: str) -> None:
    text = {"type": "text", "width": 6, "height": 3, "properties": {"markdown": secret}}
    body = json.dumps({"widgets": [text]})
    aws.client("cloudwatch").put_dashboard(DashboardName="planted", DashboardBody=body)


def _rule(aws: Emulator, secret: str) -> None:
    pattern = json.dumps({"source": [secret]})
    aws.client("events").put_rule(Name="planted", EventPattern=pattern)


def _parameter(aws: Emulator, secret: str) -> None:
    aws.client("ssm").put_parameter(Name="/planted/it", Value=secret, Type="String")


def _policy(aws: Emulator, secret: str) -> None:
    iam, trust = aws.client("iam"), json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="planted", AssumeRolePolicyDocument=trust)
    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{secret}/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="planted", PolicyName="planted", PolicyDocument=policy)


def _stream(aws: Emulator, secret: str) -> None:
    aws.client("firehose").create_delivery_stream(
        DeliveryStreamName="planted",
        ExtendedS3DestinationConfiguration={
            "RoleARN": ROLE,
            "BucketARN": "arn:aws:s3:::planted",
            "Prefix": secret,
        },
    )


def _output(aws: Emulator, secret: str) -> None:
    with aws.log_file.open("a") as log:
        log.write(f"a function printed {secret}\n")


PLANTS: list[tuple[str, str, Plant]] = [
    ("stacks", "get_template", _template),
    ("stacks", "get_template", _template_of_a_deleted_stack),
    ("stacks", "describe_stacks", _stack_output),
    ("stacks", "describe_stack_events", _event_of_a_failed_create),
    ("functions", "get_function", _function),
    ("logs", "log group /planted", _log_line),
    ("queues", "message", _message_attribute),
    ("tables", "item in planted", _item),
    ("buckets", "s3://planted/ends/1.gz", _archived_object),
    ("topics", "get_topic_attributes", _topic),
    ("monitoring", "describe_alarms", _alarm),
    ("monitoring", "get_dashboard", _dashboard),
    ("events", "rule/planted", _rule),
    ("parameters", "/planted/it", _parameter),
    ("roles", "get_account_authorization_details", _policy),
    ("streams", "describe_delivery_stream", _stream),
    ("output", "ministack.log", _output),
]
"""The kind of an artefact, a part of its name, and what plants a secret there."""


@pytest.mark.parametrize(
    ("kind", "name", "plant"), PLANTS, ids=[plant.__name__ for _, _, plant in PLANTS]
)
def test_a_secret_planted_in_an_artefact_of_aws_is_found(
    aws: Emulator, kind: str, name: str, plant: Plant
) -> None:
    secret = f"tk-canary{plant.__name__}"
    search = SecretSearch({"it": secret.encode()})
    before = [found for found, content in KINDS[kind](aws) if search(content)]

    plant(aws, secret)

    after = [found for found, content in KINDS[kind](aws) if search(content)]
    assert before == []
    assert any(name in found for found in after)


def test_a_secret_is_planted_in_each_kind_of_artefact() -> None:
    assert {kind for kind, _, _ in PLANTS} == KINDS.keys()


@pytest.mark.parametrize(
    "path", ["cdk.out/QueueEnds-dev.template.json", "cdk.out/asset.1/worker.zip", "outputs.json"]
)
def test_a_secret_planted_in_a_file_of_the_project_is_found(tmp_path: Path, path: str) -> None:
    search = SecretSearch({"it": b"tk-canary-0f-the-login"})
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("settings.json", '{"token": "tk-canary-0f-the-login"}')
    (tmp_path / path).write_bytes(content.getvalue())

    assert [name for name, content in files(tmp_path) if search(content)] == [str(tmp_path / path)]
