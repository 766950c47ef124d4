"""Settings: each text and context gives settings, or the one error that lists all mistakes."""

import io
import re
from collections.abc import Sequence
from pathlib import PosixPath
from typing import Any

import pytest

from infra.settings import attribute_filter
from infra.settings.reading import SettingsError, load, make_settings
from infra.settings.settings import KEYS, Settings
from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Case, check, is_clean

_FILE = """
queue_ids = ["a1b2c3d4-e5f6-7890-1234-567890abcdef", "b2c3d4e5-f6a7-4901-8345-67890abcdef1"]
genesys_environment = "mypurecloud.ie"
genesys_login_url = "https://login.mypurecloud.com"
delivery = "eventbridge"
end_rule = "last_queue"
destinations = ["actions", "bus", "webhook", "archive"]
webhook_url = "https://example.com/ended?tenant=7"
webhook_secret = "queue-ends/webhook"
webhook_allow_private = false
batch_size = 20
batching_window_seconds = 2
max_concurrency = 20
alarm_emails = ["on-call@example.com"]
silence_hours = 24
runbook_url = "https://github.example.com/runbook.md"
kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
vpc_subnet_ids = ["subnet-0a1b2c3d4e5f60718"]
vpc_security_group_ids = ["sg-0a1b2c3d4e5f60718"]
role_path = "/queue-ends/"
role_prefix = "acme-"
tags = { team = "contact-centre" }
log_level = "DEBUG"

[stages.prod]
log_retention_days = 90
protect = true
"""
_LINES = [line for line in _FILE.splitlines() if line]
_TEXTS = [_FILE, _FILE, *(f"{_LINES[0]}\n{line}" for line in _LINES[1:-3])]
_VALUES = ["1", "true", "False", "a,b", "a=b,c=d", "=", ",", "prod", "https://u:p@x.example/?q#f"]
_VALUES += ["http://127.0.0.1:1", "http://[::1", "https://[fe80::1%25eth0]/", "alias/x", "9" * 19]
_VALUES += ["https://10.0.0.1/", "https://[::ffff:10.0.0.1]/", "webhook", "last_queue"]
_VALUES += ["ſubscription"]
_TOKENS = ["[[", "]]", "[stages]", "[stages.prod.x]", "stages = 1", '"""', "'''", "=", "1979-05-27"]
_TOKENS += ["inf", "nan", "0x" + "f" * 5_000, "9" * 5_000, "[" * 3_000, "{a={" * 1_000, "\ufeff"]
_TOKENS += ["#"]
_TOKENS += ['stage = "x"', "07:32:00", "1e5", "-0", "\\uD800", "queue_ids.a = 1", "\r", "a.b.c = 1"]


class _File(PosixPath):
    """A file in memory."""

    content = b""

    def read_text(self, encoding: str | None = None, *_: Any, **__: Any) -> str:
        return io.TextIOWrapper(io.BytesIO(self.content), encoding=encoding).read()


class SettingsTarget:
    """The reading of settings.toml, of the CDK's context and of a program's values."""

    inputs_per_case = 1

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._file = _File("/project/settings.toml")
        # A filter is tried in a process with limits of its own, which would take a second each.
        no_problem = attribute_filter.TrialResult()
        patch.setattr(attribute_filter, "try_filter_in_subprocess", lambda *_, **__: no_problem)

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        case: dict[str, Any]
        if kept and mutator.chance(0.3):
            case = dict(mutator.choice(kept))
        else:
            case = {"text": mutator.choice(_TEXTS), "context": {}, "region": None}
        if mutator.chance(0.7):
            case["text"] = self._changed(mutator, case["text"])
        if mutator.chance(0.5):
            names = [*KEYS, "stage", "deployed_at", "region", "aws:cdk:x"]
            case["context"] = {
                (
                    mutator.choice(names)
                    if mutator.chance(0.9)
                    else mutator.text(mutator.choice(names))
                ): (mutator.choice(_VALUES) if mutator.chance(0.5) else mutator.telling())
                for _ in range(1 + mutator.below(3))
            }
        if mutator.chance(0.1):
            case["region"] = mutator.choice(
                ["eu-west-1", "us-gov-west-1", "", "${Token[x]}", "x" * 99]
            )
        return case

    def _changed(self, mutator: Mutator, text: str) -> str:
        if mutator.chance(0.4):
            name = mutator.choice([*KEYS])
            value = mutator.telling()
            written = mutator.choice(_TOKENS) if mutator.chance(0.3) else mutator.encoded(value)
            return f"{name} = {written}\n" + re.sub(rf"(?m)^{name} = .*$", "", text)
        if mutator.chance(0.3):
            at = mutator.below(len(text))
            return text[:at] + mutator.choice(_TOKENS) + text[at:]
        return mutator.text(text)

    def run(self, case: Case) -> str:
        self._file.content = case["text"].encode("utf-8", "surrogatepass")
        outcomes = [
            _outcome_of(lambda: load(self._file, case["context"], case["region"])),
            _outcome_of(lambda: make_settings("dev", **_keywords(case["context"]))),
        ]
        return " | ".join(outcomes)


def _keywords(context: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in context.items() if name not in ("stage", "region")}


def _outcome_of(read: Any) -> str:
    """Return what reading settings came to, after a look at it."""
    try:
        found = read()
    except SettingsError as error:
        check(error.mistakes, "an error without a mistake")
        for mistake in error.mistakes:
            check(isinstance(mistake, str) and mistake.strip(), "an empty mistake")
            check(is_clean(mistake), "a mistake is not clean", ascii(mistake))
            check(len(mistake) < 2_000, "a mistake is too long", len(mistake))
        return ", ".join(sorted({_kind_of(mistake) for mistake in error.mistakes})[:3])
    settings, warnings = found if isinstance(found, tuple) else (found, [])
    check(isinstance(settings, Settings), "no settings", settings)
    check(
        all(isinstance(each, str) and is_clean(each) for each in warnings), "a warning is not clean"
    )
    return f"{len(warnings)} warnings"


def _kind_of(mistake: str) -> str:
    """Return a mistake without its values."""
    requirement = mistake.rpartition("): ")[2]
    return re.sub(r"[\"'\d].*", "", f"{mistake.split(' ', maxsplit=1)[0][:20]} {requirement}")[:60]
