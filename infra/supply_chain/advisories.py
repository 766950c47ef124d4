"""Known vulnerabilities of packages, as pip-audit and npm know them.

A source of advisories that has no answer looks like one that knows no vulnerability: pip-audit
calls a package clean if a mirror leaves the vulnerabilities out, and skips it if the mirror does
not have it. So each source is first asked about a version that has a known vulnerability, and then
each package must be in its answer.
"""

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

Run = Callable[[Sequence[str], Path], subprocess.CompletedProcess[str]]
"""Runs a command in a folder, and returns its output."""

# A version with CVE-2019-11324, and one with CVE-2021-44906.
_VULNERABLE_PYTHON = ("urllib3", "1.24.1")
_VULNERABLE_NODE = ("minimist", "0.0.8")
# What reading an answer raises that is no JSON, or JSON of another form.
_ODD_ANSWER = (ValueError, KeyError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class Audit:
    """What a source of advisories says of some packages.

    Attributes
    ----------
    packages
        The packages that were to be audited, by name, with their versions.
    findings
        A line for each vulnerability.
    unanswered
        A reason for each package that the source did not answer for.
    """

    packages: Mapping[str, str]
    findings: Sequence[str] = ()
    unanswered: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether the source answered for every package, and knows no vulnerability of any."""
        return not self.findings and not self.unanswered


def run_here(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def read_pins(file: Path) -> dict[str, str]:
    """Return the version of each package that a requirements file pins, whatever its marker."""
    text = file.read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+)(?:\[[^]]+\])?==([^\s;]+)", text, re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


def audit_python(pip_audit: Path, packages: Mapping[str, str], run: Run) -> Audit:
    """Ask pip-audit for the vulnerabilities of packages from PyPI."""
    name, version = _VULNERABLE_PYTHON
    control = _ask_pip_audit(pip_audit, {name: version}, run)
    if not control.findings:
        return _without_answer(packages, control, f"{name} {version}")
    return _ask_pip_audit(pip_audit, packages, run)


def audit_node(lock_file: Path, run: Run) -> Audit:
    """Ask npm for the vulnerabilities of the packages in a package-lock.json."""
    lock = json.loads(lock_file.read_text(encoding="utf-8"))
    packages = {path: package["version"] for path, package in lock["packages"].items() if path}
    name, version = _VULNERABLE_NODE
    with tempfile.TemporaryDirectory() as scratch:
        root = {"dependencies": {name: version}}
        path = f"node_modules/{name}"
        tree = {"lockfileVersion": 3, "packages": {"": root, path: {"version": version}}}
        Path(scratch, "package.json").write_text(json.dumps(root))
        Path(scratch, lock_file.name).write_text(json.dumps(tree))
        # It may name the registry, and both questions are to reach the same one.
        if (configuration := lock_file.with_name(".npmrc")).exists():
            shutil.copy(configuration, scratch)
        control = _ask_npm({path: version}, Path(scratch), run)
    if not control.findings:
        return _without_answer(packages, control, f"{name} {version}")
    return _ask_npm(packages, lock_file.parent, run)


def _ask_pip_audit(pip_audit: Path, packages: Mapping[str, str], run: Run) -> Audit:
    options = ["--format=json", "--progress-spinner=off", "--disable-pip", "--no-deps"]
    with tempfile.TemporaryDirectory() as scratch:
        # Without markers, so that packages for other versions of Python are audited, too.
        file = Path(scratch, "requirements.txt")
        file.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
        result = run([str(pip_audit), f"--requirement={file}", *options], Path(scratch))
    try:
        answers: dict[str, Any] = {
            canonicalize_name(it["name"]): it for it in _read(result)["dependencies"]
        }
        findings = [
            f"{name} {answer['version']}: {vulnerability['id']}, {_repaired_in(vulnerability)}"
            for name, answer in answers.items()
            for vulnerability in answer.get("vulns", ())
        ]
    except _ODD_ANSWER:
        return Audit(packages, (), dict.fromkeys(packages, _last_line(result)))
    unanswered = {
        name: answers.get(name, {}).get("skip_reason") or "it is not in the answer"
        for name in packages
        if "vulns" not in answers.get(name, {})
    }
    return Audit(packages, findings, unanswered)


def _ask_npm(packages: Mapping[str, str], folder: Path, run: Run) -> Audit:
    # The CDK CLI is a development dependency, which some people's configuration leaves out.
    result = run(["npm", "audit", "--package-lock-only", "--include=dev", "--json"], folder)
    try:
        answer = _read(result)
        vulnerable = answer["vulnerabilities"]
        findings = [f"{name}: {it['severity']}, {_titles(it)}" for name, it in vulnerable.items()]
        missing = len(packages) - answer["metadata"]["dependencies"]["total"]
    except _ODD_ANSWER:
        return Audit(packages, (), dict.fromkeys(packages, _last_line(result)))
    reason = f"npm answered for {len(packages) - missing} of {len(packages)} packages"
    return Audit(packages, findings, dict.fromkeys(packages, reason) if missing > 0 else {})


def _without_answer(packages: Mapping[str, str], control: Audit, vulnerable: str) -> Audit:
    """Return the audit of packages by a source that did not find a known vulnerability."""
    reasons = list(control.unanswered.values())
    reason = reasons[0] if reasons else f"the source does not know that {vulnerable} is vulnerable"
    return Audit(packages, (), dict.fromkeys(packages, reason))


def _read(result: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(result.stdout)


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said last; npm explains an error in its JSON."""
    try:
        return str(_read(result)["message"])
    except _ODD_ANSWER:
        lines: Iterable[str] = result.stderr.strip().splitlines()
        return next(reversed([*lines]), f"exit status {result.returncode}")


def _repaired_in(vulnerability: Mapping[str, Any]) -> str:
    versions = ", ".join(vulnerability.get("fix_versions", ()))
    return f"repaired in {versions}" if versions else "not repaired yet"


def _titles(vulnerable: Mapping[str, Any]) -> str:
    return "; ".join(
        it["title"] if isinstance(it, Mapping) else f"through {it}" for it in vulnerable["via"]
    )
