"""The stock CDK CLI deploys a copy of a project to the emulator.

The project here is a tiny one whose app writes its cloud assembly by hand, which takes no time.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import local.aws.project
from local.aws.emulator import Emulator, NotLoopback, emulator
from local.aws.project import DeployFailed, Project
from tests.children import child
from tests.polling import runs, wait_until

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("project")

ROOT = Path(local.aws.project.__file__).parents[2]

APP = '''
import json, os, pathlib, sys
context = json.loads(os.environ["CDK_CONTEXT_JSON"])
if "mistake" in context:
    sys.exit("Two settings are wrong:\\n- queue_ids: none\\n- batch_size: 0, not 1 to 10000")
if "hangs" in context:
    import subprocess, time
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    pathlib.Path("pids.part").write_text(f"{os.getpid()} {child.pid}")
    os.rename("pids.part", "pids")
    time.sleep(600)
name, out = f"Tiny-{context['stage']}", pathlib.Path(os.environ["CDK_OUTDIR"])
CODE = """
import json, urllib.request

def handler(event, context):
    wanted = event["ResourceProperties"]
    refused = wanted["Refused"] == "true" and event["RequestType"] != "Delete"
    answer = {key: event[key] for key in ("RequestId", "StackId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": "it", "Status": "FAILED" if refused else "SUCCESS"}
    answer |= {"Reason": "The name is taken. Choose another stage.", "Data": wanted}
    body = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(event["ResponseURL"], body, method="PUT"))
"""
trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
resources = {
    "Role": {"Type": "AWS::IAM::Role", "Properties": {
        "AssumeRolePolicyDocument": {"Statement": [{**trusted, "Action": "sts:AssumeRole"}]}}},
    "Function": {"Type": "AWS::Lambda::Function", "Properties": {
        "Runtime": "python3.14", "Handler": "index.handler", "Code": {"ZipFile": CODE},
        "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Timeout": 20}},
    "It": {"Type": "Custom::It", "Properties": {
        "ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "ServiceTimeout": 30,
        "Greeting": context.get("greeting", "none"), "Packaging": context["packaging"],
        "Refused": context.get("refused", "false")}},
}
outputs = {key: {"Value": {"Fn::GetAtt": ["It", key]}} for key in ("Greeting", "Packaging")}
template = {"Resources": resources, "Outputs": outputs}
(out / "template.json").write_text(json.dumps(template))
stack = {"type": "aws:cloudformation:stack", "environment": "aws://unknown-account/unknown-region",
         "properties": {"templateFile": "template.json", "stackName": name}}
manifest = {"version": "40.0.0", "artifacts": {name: stack}}
(out / "manifest.json").write_text(json.dumps(manifest))
'''


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with emulator() as running:
        yield running


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project as it lies on a developer's disk."""
    root = tmp_path_factory.mktemp("source")
    for path in ("functions/__pycache__", "functions/destinations", "cdk.out", "build/assets"):
        (root / path).mkdir(parents=True)
    (root / "functions/destinations/actions.py").write_text("original")
    (root / "app.py").write_text(APP)
    (root / "cdk.json").write_text(
        '{"app": "python-of-somebody app.py", "versionReporting": false}'
    )
    return root


@pytest.fixture
def project(aws: Emulator, source: Path, tmp_path: Path) -> Project:
    return Project(aws, tmp_path / "copy", source=source)


def stacks(aws: Emulator) -> dict[str, str]:
    listed = aws.client("cloudformation").list_stacks()["StackSummaries"]
    return {stack["StackName"]: stack["StackStatus"] for stack in reversed(listed)}


def test_a_copy_of_the_project_holds_sources_and_nothing_built(
    aws: Emulator, source: Path, tmp_path: Path
) -> None:
    actions = tmp_path / "my_actions.py"
    actions.write_text("edited")
    copy = Project(aws, tmp_path / "copy", source=source, actions=actions).folder

    held = {path.name for path in copy.iterdir()}
    assert held == {"app.py", "cdk.json", "functions", "build", "tmp"}
    assert list((copy / "tmp").iterdir()) == []
    assert [path.name for path in (copy / "functions").iterdir()] == ["destinations"]
    assert (copy / "functions/destinations/actions.py").read_text() == "edited"
    assert (source / "functions/destinations/actions.py").read_text() == "original"
    shared = {path.name: path.resolve() for path in (copy / "build").iterdir()}
    assert shared == {name: source / "build" / name for name in ("packages", "checks")}


def test_a_stack_is_deployed_changed_and_destroyed(project: Project) -> None:
    printed: list[str] = []
    project.bootstrap()
    project.progress = printed.append
    first = project.deploy("one", greeting=["hello", "world"])
    assert first.outputs == {"Greeting": "hello,world", "Packaging": "host"}
    assert first.changed
    assert printed == [line.rstrip() for line in first.log.splitlines()]
    assert "CREATE_COMPLETE" in first.log
    assert "end-of-life" not in first.log
    assert "NodeVersionSupportWarning" not in first.log

    changed = project.deploy("one", greeting=True)
    assert changed.outputs["Greeting"] == "true"
    assert changed.changed

    assert "destroyed" in project.destroy("one")
    assert stacks(project.emulator)["Tiny-one"] == "DELETE_COMPLETE"


def test_a_failing_custom_resource_gives_its_own_reason(project: Project) -> None:
    with pytest.raises(DeployFailed) as failure:
        project.deploy("two", refused=True)

    assert failure.value.reason == "The name is taken. Choose another stage."
    assert "CREATE_FAILED" in failure.value.log
    assert stacks(project.emulator)["Tiny-two"] == "ROLLBACK_COMPLETE"


def test_a_failing_synth_gives_the_apps_own_words(project: Project) -> None:
    with pytest.raises(DeployFailed) as failure:
        project.deploy(mistake=1)
    assert failure.value.reason.splitlines() == [
        "Two settings are wrong:",
        "- queue_ids: none",
        "- batch_size: 0, not 1 to 10000",
    ]


def test_no_cdk_command_runs_against_an_endpoint_elsewhere(source: Path, tmp_path: Path) -> None:
    elsewhere = "https://cloudformation.us-east-1.amazonaws.com"
    aws = Emulator(elsewhere, {"AWS_ENDPOINT_URL": elsewhere}, tmp_path / "log")
    project = Project(aws, tmp_path / "copy", source=source)
    for run in (project.bootstrap, project.deploy, project.destroy):
        with pytest.raises(NotLoopback):
            run()
    assert not (project.folder / "cdk.out").exists()


def test_a_call_that_takes_too_long_is_ended(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local.aws.project, "TIMEOUT_SECONDS", 0.5)
    with pytest.raises(DeployFailed, match=r"cdk deploy took longer than 0\.5 s\."):
        project.deploy(hangs=1)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_the_cdk_cli_ends_when_its_parent_does(
    source: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from local.aws.emulator import Emulator; from local.aws.project import Project\n"
        "aws = Emulator('http://127.0.0.1:9', {'AWS_ENDPOINT_URL': 'http://127.0.0.1:9'}, Path())\n"
        "Project(aws, Path(sys.argv[2]), source=Path(sys.argv[3])).deploy(hangs=1)\n"
    )
    with child(
        [sys.executable, "-c", code, str(ROOT), str(tmp_path / "copy"), str(source)],
        stderr=subprocess.DEVNULL,
    ) as holder:
        pids = tmp_path / "copy/pids"
        wait_until(pids.exists, "the app runs")
        os.killpg(holder.pid, ending)
    wait_until(lambda: not any(runs(int(pid)) for pid in pids.read_text().split()), "all is gone")
