"""pip-audit and npm as they answer with a source of advisories behind them, or without one."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

# What the audit asks about first, to see whether a source of advisories answers.
KNOWN: dict[str, str] = {"urllib3 1.24.1": "PYSEC-2019-133", "minimist 0.0.8": "Pollution"}
# The last line of pip-audit's traceback, and npm's answer, as a machine without a network got them.
UNREACHABLE = "requests.exceptions.ConnectionError: Failed to resolve"
REFUSED = "405 Method Not Allowed - POST /-/npm/v1/security/advisories/bulk"


@dataclass
class Tools:
    """Runs the commands of an audit.

    Attributes
    ----------
    known
        Vulnerabilities by package and version; empty for a mirror that leaves them out.
    skipped
        The packages that the mirror does not have.
    are_reachable
        Whether the sources of advisories can be reached.
    omits_dev
        Whether npm leaves development dependencies out, whatever it is asked.
    asked
        The packages that were asked about.
    """

    known: Mapping[str, str] = field(default_factory=lambda: KNOWN)
    skipped: frozenset[str] = frozenset()
    are_reachable: bool = True
    omits_dev: bool = False
    asked: list[str] = field(default_factory=list)

    def __call__(self, command: Sequence[str], folder: Path) -> CompletedProcess[str]:
        run = self._npm if command[0] == "npm" else self._pip_audit
        return run(command, folder)

    def _pip_audit(self, command: Sequence[str], _: Path) -> CompletedProcess[str]:
        if not self.are_reachable:
            return CompletedProcess(command, 1, "", f"Traceback\n{UNREACHABLE}\n")
        (file,) = (it.partition("=")[2] for it in command if it.startswith("--requirement="))
        pins = re.findall(r"^(\S+)==(\S+)$", Path(file).read_text(), re.MULTILINE)
        self.asked += [f"{name} {version}" for name, version in pins]
        answers = [self._python_answer(name, version) for name, version in pins]
        # Skipped packages do not change the exit status.
        status = 1 if any(it.get("vulns") for it in answers) else 0
        answer = json.dumps({"dependencies": answers, "fixes": []})
        return CompletedProcess(command, status, answer, "")

    def _python_answer(self, name: str, version: str) -> dict[str, Any]:
        if name in self.skipped:
            reason = f"Dependency not found on PyPI and could not be audited: {name} ({version})"
            return {"name": name, "skip_reason": reason}
        found = self.known.get(f"{name} {version}")
        vulnerabilities = [{"id": found, "fix_versions": ["9.9"], "aliases": []}] if found else []
        return {"name": name, "version": version, "vulns": vulnerabilities}

    def _npm(self, command: Sequence[str], folder: Path) -> CompletedProcess[str]:
        if not self.are_reachable:
            answer = {"message": REFUSED, "statusCode": 405, "error": {"summary": ""}}
            return CompletedProcess(command, 1, json.dumps(answer), "npm error\n")
        lock = json.loads((folder / "package-lock.json").read_text())["packages"]
        packages = [(path.rpartition("/")[2], it["version"]) for path, it in lock.items() if path]
        self.asked += [f"{name} {version}" for name, version in packages]
        vulnerable = {
            name: {"severity": "critical", "via": [{"title": title}, "another"]}
            for name, version in packages
            if (title := self.known.get(f"{name} {version}"))
        }
        omitted = self.omits_dev and not vulnerable
        total = 0 if omitted else len(packages)
        answer = {
            "auditReportVersion": 2,
            "vulnerabilities": vulnerable,
            "metadata": {"dependencies": {"total": total}},
        }
        return CompletedProcess(command, 1 if vulnerable else 0, json.dumps(answer), "")
