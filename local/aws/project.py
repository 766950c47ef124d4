"""Deploys a copy of the project to the emulator with the stock CDK CLI, as a user would."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from local.aws import parent_watch
from local.aws.emulator import Emulator, require_loopback
from local.polling import polls

ROOT = Path(__file__).resolve().parents[2]
CLI = ROOT / "node_modules/.bin/cdk"
COPIED = ("app.py", "cdk.json", "settings.toml", "infra", "functions")
TIMEOUT = 600.0
"""Seconds that one call of the CDK CLI may take; the first one may have to pack the functions."""
OPERATIONS = ("CREATE", "UPDATE", "DELETE")
QUIET = {
    "CDK_DISABLE_CLI_TELEMETRY": "true",
    "CDK_DISABLE_VERSION_CHECK": "true",
    # Half the time of a synth, to warn of what AWS might refuse: `cdk synth` and `deploy` do that.
    "CDK_VALIDATION": "false",
    # Three voices announce the end of life of a Node.js version that works.
    "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": "true",
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20,22",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "true",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "true",
    "NO_COLOR": "1",
}


class DeployFailed(Exception):
    """The CDK CLI failed.

    Attributes
    ----------
    reason
        Why, in a sentence: the custom resource's own words if it was the one that failed.
    log
        Everything that the CLI printed.
    """

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(f"{reason}\n\n{log}")
        self.reason, self.log = reason, log


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a deploy did: the stack's outputs, what the CLI printed, whether it changed anything."""

    outputs: dict[str, str]
    log: str
    changed: bool


class Project:
    """A copy of the project that is deployed to `emulator`.

    Parameters
    ----------
    folder
        Scratch folder for the copy.
    actions
        A file to put in the place of `functions/destinations/actions.py`, as a user edits it.
    source
        The project that is copied.
    progress
        Called with each line that the CLI prints, as it prints it.
    """

    def __init__(
        self,
        emulator: Emulator,
        folder: Path,
        *,
        actions: Path | None = None,
        source: Path = ROOT,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.emulator, self.folder, self.progress = emulator, folder.resolve(), progress
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in COPIED:
            if (source / name).is_dir():
                cache = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source / name, self.folder / name, ignore=cache)
            elif (source / name).exists():
                shutil.copy2(source / name, self.folder / name)
        # What pip installs is the same for every copy: folders there are named by their contents.
        packages = source.resolve() / "build/packages"
        packages.mkdir(parents=True, exist_ok=True)
        (self.folder / "build").mkdir()
        (self.folder / "build/packages").symlink_to(packages)
        if actions:
            shutil.copy2(actions, self.folder / "functions/destinations/actions.py")
        self._scratch = self.folder / "tmp"
        self._scratch.mkdir(exist_ok=True)
        self._app = ("--app", shlex.join([sys.executable, "app.py"]))
        self._synthesised: str | None = None

    def bootstrap(self) -> None:
        """Run `cdk bootstrap`, which a deploy needs once per emulator.

        Outside the copy and for a named environment: the CLI then has no app to synthesise.
        """
        place = f"aws://{self.emulator.account}/{self.emulator.region}"
        self._cdk("bootstrap", place, cwd=self._scratch)

    def deploy(self, stage: str = "dev", **settings: object) -> Deployment:
        """Run `cdk deploy` with `settings` in the place of those in `settings.toml`.

        Raises
        ------
        DeployFailed
            The synth or the deployment fails, or takes longer than `TIMEOUT` seconds.
        """
        outputs = self.folder / "outputs.json"
        outputs.unlink(missing_ok=True)
        self._synthesised = None  # cdk.out is of this stage from here on, whether it deploys or not
        log = self._cdk(
            "deploy", "--require-approval", "never", "--outputs-file", str(outputs),
            *self._app, *_context(stage, settings),
        )  # fmt: skip
        self._synthesised = stage
        stacks = json.loads(outputs.read_text()) if outputs.exists() else {}
        return Deployment(
            outputs={name: value for stack in stacks.values() for name, value in stack.items()},
            log=log,
            changed="(no changes)" not in log,
        )

    def destroy(self, stage: str = "dev", **settings: object) -> str:
        """Run `cdk destroy`; return what it printed.

        What was synthesised last serves again where it is of the same stage: it names the stack.
        """
        app = ("--app", "cdk.out") if self._synthesised == stage else self._app
        return self._cdk("destroy", "--force", *app, *_context(stage, settings))

    def _cdk(self, *arguments: str, cwd: Path | None = None) -> str:
        scratch = self._scratch
        environment = self.emulator.child_environment(
            **QUIET, TMPDIR=str(scratch), CDK_HOME=str(scratch / "cdk")
        )
        require_loopback(environment["AWS_ENDPOINT_URL"])
        with parent_watch.start(
            [str(CLI), *arguments, "--ci", "--no-color", "--no-notices"],
            env=environment,
            cwd=cwd or self.folder,
            output=subprocess.PIPE,
        ) as running:
            late = threading.Event()
            try:
                limit = threading.Thread(target=_end_when_late, args=[running, late], daemon=True)
                limit.start()
                log = "".join(self._lines(running))
            finally:
                status = parent_watch.stop(running)
        if late.is_set():
            raise DeployFailed(f"cdk {arguments[0]} took longer than {TIMEOUT:g} s.", log)
        if status:
            raise DeployFailed(self._first_failure(log) or _last_words(log), log)
        return log

    def _lines(self, running: subprocess.Popen[bytes]) -> Iterator[str]:
        for raw in running.stdout or ():
            line = raw.decode(errors="replace")
            if self.progress:
                self.progress(line.rstrip())
            yield line

    def _first_failure(self, log: str) -> str | None:
        """Return why the first resource failed in the last operation on the stack, if one did."""
        stack = re.search(r"❌ +([A-Za-z0-9-]+):? .*failed", log)
        if not stack:
            return None
        cloudformation, reason = self.emulator.client("cloudformation"), None
        try:
            events = cloudformation.describe_stack_events(StackName=stack[1])
        except ClientError:  # it failed before there was a stack
            return None
        for event in events["StackEvents"]:  # the newest first
            status, of_stack = event["ResourceStatus"], event["LogicalResourceId"] == stack[1]
            if status.endswith("_FAILED") and not of_stack:
                reason = event.get("ResourceStatusReason") or reason
            if of_stack and status in {f"{what}_IN_PROGRESS" for what in OPERATIONS}:
                break
        return reason


def _end_when_late(running: subprocess.Popen[bytes], late: threading.Event) -> None:
    """End a call that takes longer than `TIMEOUT` seconds, and say so."""
    for _ in polls(TIMEOUT, interval=0.2):
        if running.poll() is not None:
            return
    late.set()
    parent_watch.stop(running)


def function_of(aws: Emulator, stack_name: str, part: str) -> str:
    """Return the name of the function of a part of a deployed stack, such as `Watchdog`."""
    resources = aws.client("cloudformation").describe_stack_resources(StackName=stack_name)
    (name,) = (
        one["PhysicalResourceId"]
        for one in resources["StackResources"]
        if one["ResourceType"] == "AWS::Lambda::Function"
        and one["LogicalResourceId"].startswith(part)
    )
    return str(name)


def _context(stage: str, settings: dict[str, object]) -> list[str]:
    values = {"packaging": "host", "stage": stage, **settings}
    return [part for name, value in values.items() for part in ("-c", f"{name}={_text(value)}")]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _last_words(log: str) -> str:
    """Return what the app said when it could not be synthesised, else the CLI's last line."""
    lines = [line for line in log.splitlines() if line and "Subprocess exited" not in line]
    said = lines if "Synthesis time" not in log and "Traceback" not in log else lines[-1:]
    return "\n".join(said)
