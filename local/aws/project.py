"""Deploys a copy of the project to the emulator with the CDK CLI, as a user does to AWS."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from local.aws import parent_watch
from local.aws.emulator import Emulator, require_loopback
from local.polling import polls

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "node_modules/.bin/cdk"
COPIED_NAMES = ("app.py", "cdk.json", "settings.toml", "infra", "functions")
"""The files and folders of the project that a synth needs."""
TIMEOUT_SECONDS = 600.0
"""The time limit for a call of the CDK CLI, which may have to package the functions first."""
STACK_OPERATIONS = ("CREATE", "UPDATE", "DELETE")
CLI_VARIABLES = {
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",
    # Skip the warnings of what AWS might refuse, which take half the time of a synth.
    "CDK_VALIDATION": "false",
    # Silence the warnings of the AWS SDK and of jsii that this Node.js version is old.
    "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20,22",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "true",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "true",
    "NO_COLOR": "1",
}


class DeployFailed(Exception):
    """The CDK CLI failed or took too long.

    Attributes
    ----------
    reason
        The reason why the first resource failed, such as the provisioner's message. If no resource
        failed, this is an error message of the CLI or of `Project`.
    log
        Everything that the CLI printed.
    """

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(f"{reason}\n\n{log}")
        self.reason, self.log = reason, log


@dataclass(frozen=True, slots=True)
class Deployment:
    """The stack's outputs, what the CLI printed, and whether the deployment changed the stack."""

    outputs: dict[str, str]
    log: str
    changed: bool


class Project:
    """A copy of the project, to be deployed to `emulator`.

    Parameters
    ----------
    folder
        The scratch folder that gets the copy.
    actions
        A file that replaces `functions/destinations/actions.py` in the copy, as a user's edit does.
    source
        The folder of the project to copy.
    names
        The files and folders to copy, as far as they exist.
    python
        The Python that runs the app.
    builds
        The folder `build` whose packages and checks the copy shares; by default, that of `source`.
    progress
        Called with each line of the CLI's output as soon as it is printed.
    """

    def __init__(
        self,
        emulator: Emulator,
        folder: Path,
        *,
        actions: Path | None = None,
        source: Path = ROOT,
        names: Sequence[str] = COPIED_NAMES,
        python: str = sys.executable,
        builds: Path | None = None,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.emulator, self.folder, self.progress = emulator, folder.resolve(), progress
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if (source / name).is_dir():
                cache = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source / name, self.folder / name, ignore=cache)
            elif (source / name).exists():
                shutil.copy2(source / name, self.folder / name)
        # All copies share the packages that pip installs and the checks of assets, in folders whose
        # names are hashes of what determines their content.
        (self.folder / "build").mkdir()
        for name in ("packages", "checks"):
            shared = (builds or source / "build").resolve() / name
            shared.mkdir(parents=True, exist_ok=True)
            (self.folder / "build" / name).symlink_to(shared)
        if actions:
            shutil.copy2(actions, self.folder / "functions/destinations/actions.py")
        self._scratch = self.folder / "tmp"
        self._scratch.mkdir(exist_ok=True)
        self._app = ("--app", shlex.join([python, "app.py"]))
        self._synthesised_stage: str | None = None

    def bootstrap(self) -> None:
        """Run `cdk bootstrap`, which each emulator needs once before the first `deploy`.

        It runs outside the copy and names the AWS environment, so that the CLI does not synthesise
        the app.
        """
        environment = f"aws://{self.emulator.account}/{self.emulator.region}"
        self._cdk("bootstrap", environment, cwd=self._scratch)

    def deploy(self, stage: str = "dev", **settings: object) -> Deployment:
        """Run `cdk deploy` with `settings`, which override `settings.toml`.

        Raises
        ------
        DeployFailed
            The synth or the deployment fails, or takes longer than `TIMEOUT_SECONDS` seconds.
        """
        outputs = self.folder / "outputs.json"
        outputs.unlink(missing_ok=True)
        # If the deployment fails, `cdk.out` may be incomplete.
        self._synthesised_stage = None
        log = self._cdk(
            "deploy", "--require-approval", "never", "--outputs-file", str(outputs),
            *self._app, *_context_options(stage, settings),
        )  # fmt: skip
        self._synthesised_stage = stage
        stacks = json.loads(outputs.read_text()) if outputs.exists() else {}
        return Deployment(
            outputs={name: value for stack in stacks.values() for name, value in stack.items()},
            log=log,
            changed="(no changes)" not in log,
        )

    def destroy(self, stage: str = "dev", **settings: object) -> str:
        """Run `cdk destroy` and return its output.

        If the last synth was of the same stage, it is reused even if the settings differ, because
        only the name of the stack matters.
        """
        app = ("--app", "cdk.out") if self._synthesised_stage == stage else self._app
        return self._cdk("destroy", "--force", *app, *_context_options(stage, settings))

    def _cdk(self, *arguments: str, cwd: Path | None = None) -> str:
        scratch = self._scratch
        environment = self.emulator.child_environment(
            **CLI_VARIABLES, TMPDIR=str(scratch), CDK_HOME=str(scratch / "cdk")
        )
        require_loopback(environment["AWS_ENDPOINT_URL"])
        with parent_watch.start(
            [str(CLI), *arguments, "--ci", "--no-color", "--no-notices"],
            env=environment,
            cwd=cwd or self.folder,
            output=subprocess.PIPE,
        ) as watcher:
            timed_out = threading.Event()
            try:
                timer = threading.Thread(
                    target=_end_after_timeout, args=[watcher, timed_out], daemon=True
                )
                timer.start()
                log = "".join(self._read_lines(watcher))
            finally:
                status = parent_watch.stop(watcher)
        if timed_out.is_set():
            raise DeployFailed(f"cdk {arguments[0]} took longer than {TIMEOUT_SECONDS:g} s.", log)
        if status:
            raise DeployFailed(self._first_failure(log) or _cli_error(log), log)
        return log

    def _read_lines(self, watcher: subprocess.Popen[bytes]) -> Iterator[str]:
        for raw in watcher.stdout or ():
            line = raw.decode(errors="replace")
            if self.progress:
                self.progress(line.rstrip())
            yield line

    def _first_failure(self, log: str) -> str | None:
        """Return why the first resource failed in the stack's last operation; None if none did."""
        stack = re.search(r"❌ +([A-Za-z0-9-]+):? .*failed", log)
        if not stack:
            return None
        cloudformation, reason = self.emulator.client("cloudformation"), None
        try:
            events = cloudformation.describe_stack_events(StackName=stack[1])
        except ClientError:  # the CLI failed before the stack existed
            return None
        for event in events["StackEvents"]:  # newest first
            status = event["ResourceStatus"]
            is_stack_event = event["LogicalResourceId"] == stack[1]
            if status.endswith("_FAILED") and not is_stack_event:
                reason = event.get("ResourceStatusReason") or reason
            if is_stack_event and status in {
                f"{operation}_IN_PROGRESS" for operation in STACK_OPERATIONS
            }:
                break
        return reason


def _end_after_timeout(watcher: subprocess.Popen[bytes], timed_out: threading.Event) -> None:
    """End a call that takes longer than `TIMEOUT_SECONDS` seconds, and set `timed_out`."""
    for _ in polls(TIMEOUT_SECONDS, interval=0.2):
        if watcher.poll() is not None:
            return
    timed_out.set()
    parent_watch.stop(watcher)


def find_function_name(aws: Emulator, stack_name: str, part: str) -> str:
    """Return the name of the Lambda function in `part` of the stack, for example in `Watchdog`."""
    resources = aws.client("cloudformation").describe_stack_resources(StackName=stack_name)
    (name,) = (
        one["PhysicalResourceId"]
        for one in resources["StackResources"]
        if one["ResourceType"] == "AWS::Lambda::Function"
        and one["LogicalResourceId"].startswith(part)
    )
    return str(name)


def _context_options(stage: str, settings: dict[str, object]) -> list[str]:
    values = {"packaging": "host", "stage": stage, **settings}
    return [
        part for name, value in values.items() for part in ("-c", f"{name}={_format_value(value)}")
    ]


def _format_value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _cli_error(log: str) -> str:
    """Return the app's message if the app refused to be synthesised, otherwise the last line."""
    lines = [line for line in log.splitlines() if line and "Subprocess exited" not in line]
    error = lines if "Synthesis time" not in log and "Traceback" not in log else lines[-1:]
    return "\n".join(error)
