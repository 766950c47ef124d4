"""MiniStack as a managed process: what it offers, and that nothing of it stays."""

import io
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

import local.aws.emulator
from local.aws.emulator import Emulator, EmulatorFailed, emulator
from local.genesys.sqs import ACCOUNT, sqs_sender
from local.genesys.stand_in import GenesysCloud
from tests.children import child
from tests.polling import listens, runs, wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("emulator")

ROOT = Path(local.aws.emulator.__file__).parents[2]
FUNCTION = """
import os, boto3
def handler(event, context):
    caller = boto3.client("sts").get_caller_identity()["Arn"]
    return {"pid": os.getpid(), "parent": os.getppid(), "caller": caller, "seen": dict(os.environ)}
"""
HOLDER = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
from local.aws.emulator import emulator
from tests.local.emulator.test_emulator import invoke

with emulator() as aws:
    answer = invoke(aws)
    seen = aws.endpoint, str(aws.log_file), answer["pid"], answer["parent"]
    print(json.dumps(seen), flush=True)
    time.sleep(600)
"""


def invoke(aws: Emulator) -> dict[str, Any]:
    """Deploy a function and return what it says of itself."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("index.py", FUNCTION)
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    iam, functions = aws.client("iam"), aws.client("lambda")
    role = iam.create_role(
        RoleName="role",
        AssumeRolePolicyDocument=json.dumps(
            {"Statement": [{**trusted, "Action": "sts:AssumeRole"}]}
        ),
    )
    functions.create_function(
        FunctionName="function",
        Runtime="python3.14",
        Role=role["Role"]["Arn"],
        Handler="index.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,  # the emulator counts the cold start
    )
    answer: dict[str, Any] = json.load(functions.invoke(FunctionName="function")["Payload"])
    return answer


def nothing_is_left(endpoint: str, log_file: str, *pids: int) -> None:
    wait_until(lambda: not any(runs(pid) for pid in pids), "its processes are gone")
    wait_until(lambda: not listens(endpoint), "its port is closed")
    wait_until(lambda: not Path(log_file).parent.exists(), "its folder is gone")


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture(scope="module")
def strict() -> Iterator[Emulator]:
    with emulator(enforce_iam=True) as running:
        yield running


@pytest.mark.parametrize("enforce_iam", [False, True])
def test_the_emulator_ends_with_everything_that_it_started(enforce_iam: bool) -> None:
    with emulator(enforce_iam=enforce_iam, env={"OF_MINE": "yes"}) as aws:
        answer = invoke(aws)
        assert answer["seen"]["OF_MINE"] == "yes"
        assert answer["seen"]["AWS_ENDPOINT_URL"] == aws.endpoint
        role = f"arn:aws:sts::{aws.account}:assumed-role/role/function"
        assert answer["caller"] == (role if enforce_iam else f"arn:aws:iam::{aws.account}:root")
        assert runs(answer["pid"])
        assert aws.log_file.stat().st_size
    nothing_is_left(aws.endpoint, str(aws.log_file), answer["pid"], answer["parent"])


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_the_emulator_ends_when_its_parent_does(ending: signal.Signals) -> None:
    with child(
        [sys.executable, "-c", HOLDER, str(ROOT)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as holder:
        seen = json.loads(holder.stdout.readline()) if holder.stdout else []
        assert listens(seen[0])
        os.killpg(holder.pid, ending)
    nothing_is_left(*seen)


def test_clients_ignore_the_users_configuration(
    aws: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[default]\nendpoint_url = http://192.0.2.1\nregion = mars\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "of-somebody")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://192.0.2.1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1")
    local.aws.emulator._session.cache_clear()

    assert aws.client("sts").get_caller_identity()["Account"] == aws.account
    assert aws.client("sts", ACCOUNT).get_caller_identity()["Account"] == ACCOUNT


def test_boto3_in_a_child_process_finds_it_by_its_environment(
    aws: Emulator, strict: Emulator
) -> None:
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    for running in (aws, strict):
        said = subprocess.check_output(
            [sys.executable, "-c", code], env=running.child_environment(), text=True
        )
        assert said.strip() == running.account


def test_two_emulators_share_no_queue(aws: Emulator, strict: Emulator) -> None:
    def queue(enforce_iam: bool) -> list[str]:
        with emulator(enforce_iam=enforce_iam) as another:
            another.client("sqs").create_queue(QueueName="of-another")
            urls: list[str] = another.client("sqs").list_queues()["QueueUrls"]
            return urls

    with ThreadPoolExecutor() as pool:
        urls = [url for urls in pool.map(queue, [False, True]) for url in urls]
    assert len(set(urls)) == 2
    for running in (aws, strict):
        known = running.client("sqs").list_queues().get("QueueUrls", [])
        assert not any("of-another" in url for url in known)


def test_a_start_that_fails_shows_what_was_printed() -> None:
    with (
        pytest.raises(EmulatorFailed, match="invalid literal for int"),
        emulator(env={"GATEWAY_PORT": "none"}),
    ):
        pass


def test_a_port_that_was_taken_meanwhile_costs_a_second_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find, found = local.aws.emulator._free_port, list[int]()

    def taken_at_first(address: str) -> int:
        found.append(find(address) if found else urlsplit(taken.url).port or 0)
        return found[-1]

    with GenesysCloud() as taken:  # anything that answers
        monkeypatch.setattr(local.aws.emulator, "_free_port", taken_at_first)
        with emulator() as aws:
            assert aws.endpoint.endswith(f":{found[1]}")


def test_a_port_that_stays_taken_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setattr(local.aws.emulator, "_free_port", lambda _: taken.getsockname()[1])
        with pytest.raises(EmulatorFailed, match="port in use"), emulator():
            pass


def test_the_certificate_passes_the_strictest_check(strict: Emulator) -> None:
    context = ssl.create_default_context(cafile=strict.environment["NODE_EXTRA_CA_CERTS"])
    context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    assert opener.open(f"{strict.endpoint}/_ministack/health", timeout=10).status == 200


def test_a_sender_that_the_queues_policy_does_not_admit_is_refused(strict: Emulator) -> None:
    sqs = strict.client("sqs")
    url = sqs.create_queue(QueueName="guarded")["QueueUrl"]
    arn = f"arn:aws:sqs:{strict.region}:{strict.account}:guarded"
    event = {"eventType": "event:conversation:end", "attributes": {"queueId": "q"}}
    destination = {"type": "aws_sqs", "awsSqs": {"arn": arn, "region": strict.region}}

    with GenesysCloud(sqs_sender(strict)) as genesys:
        genesys.subscriptions.seed("ours", destination=destination, attributeFilter="queueId = 'q'")
        with pytest.raises(ClientError, match="AccessDenied"):
            genesys.publish(event)

        allowed = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
        policy = {"Statement": [{**allowed, "Principal": {"AWS": ACCOUNT}}]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        assert genesys.publish(event)
    with pytest.raises(ClientError, match="AccessDenied"):
        strict.client("sqs", "123456789012").send_message(QueueUrl=url, MessageBody="no")

    received = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert [json.loads(message["Body"]) for message in received] == [event]


def acting_with(strict: Emulator, action: str, resource: str) -> dict[str, str]:
    """Return environment variables with the credentials of a role that may do one thing."""
    trusted = {"Effect": "Allow", "Principal": {"AWS": strict.account}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": action, "Resource": resource}
    iam, name = strict.client("iam"), action.replace(":", "-")
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trusted]})
    )["Role"]["Arn"]
    policy = json.dumps({"Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy)
    acting = strict.client("sts").assume_role(RoleArn=role, RoleSessionName="session")[
        "Credentials"
    ]
    return {
        "AWS_ACCESS_KEY_ID": acting["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": acting["SecretAccessKey"],
        "AWS_SESSION_TOKEN": acting["SessionToken"],
    }


def test_the_permission_for_one_message_is_enough_for_a_batch(strict: Emulator) -> None:
    url = strict.client("sqs").create_queue(QueueName="batches")["QueueUrl"]
    arn = f"arn:aws:sqs:{strict.region}:{strict.account}:batches"
    sends = (
        "import boto3, sys; sqs = boto3.client('sqs')\n"
        "entry = {'Id': '1', 'MessageBody': 'x'}\n"
        "print(sqs.send_message_batch(QueueUrl=sys.argv[1], Entries=[entry])['Successful'])\n"
        "try: sqs.receive_message(QueueUrl=sys.argv[1])\n"
        "except Exception as error: print(error)\n"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", sends, url],
        env=strict.child_environment(**acting_with(strict, "sqs:SendMessage", arn)),
        text=True,
    )
    assert "MD5OfMessageBody" in said
    assert "not authorized to perform: sqs:receivemessage" in said.lower()


def test_the_permission_to_publish_one_message_to_a_topic_is_enough_for_a_batch(
    strict: Emulator,
) -> None:
    topic = strict.client("sns").create_topic(Name="batches")["TopicArn"]
    publishes = (
        "import boto3, sys; sns = boto3.client('sns')\n"
        "entry = {'Id': '1', 'Message': 'x'}\n"
        "print(sns.publish_batch(TopicArn=sys.argv[1], PublishBatchRequestEntries=[entry]))\n"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", publishes, topic],
        env=strict.child_environment(**acting_with(strict, "sns:Publish", topic)),
        text=True,
    )
    assert "MessageId" in said


def test_the_permission_for_a_partners_event_sources_is_enough_and_no_more(
    strict: Emulator,
) -> None:
    arn = f"arn:aws:events:{strict.region}::event-source/aws.partner/genesys.com/*"
    looks = (
        "import boto3, sys; events = boto3.client('events')\n"
        "print(events.describe_event_source(Name='aws.partner/genesys.com/cloud/x/y')['State'])\n"
        "try: events.describe_event_source(Name='aws.partner/example.com/x/y')\n"
        "except Exception as error: print(error)\n"
    )
    said = subprocess.check_output(
        [sys.executable, "-c", looks],
        env=strict.child_environment(**acting_with(strict, "events:DescribeEventSource", arn)),
        text=True,
    )
    assert said.startswith("ACTIVE\n")
    assert "not authorized" in said


def test_many_events_reach_the_queue_in_batches(aws: Emulator) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="many")["QueueUrl"]
    arn = f"arn:aws:sqs:{aws.region}:{aws.account}:many"
    with GenesysCloud(sqs_sender(aws)) as genesys:
        destination = {"type": "aws_sqs", "awsSqs": {"arn": arn, "region": aws.region}}
        genesys.subscriptions.seed("ours", destination=destination, attributeFilter="")
        genesys.subscriptions.seed("foreign", attributeFilter="")
        event = {"eventType": "event:conversation:end", "attributes": {}}
        receivers = genesys.publish_all([event] * 33)
    assert [len(ids) for ids in receivers] == [2] * 33
    counted = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counted["ApproximateNumberOfMessages"] == "33"
