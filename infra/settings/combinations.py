"""Rules about settings together: combinations that are refused, and others that look wrong."""

import difflib
import functools
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from infra.settings import attribute_filter as filters
from infra.settings.checks import is_private
from infra.settings.key import OnlyWith
from infra.settings.regions import DOMAINS, FEDRAMP_ACCOUNT, FEDRAMP_DOMAIN, GENESYS_ACCOUNT
from infra.settings.retries import INTAKE_DAYS, receives_that_fit
from infra.settings.settings import KEYS, Settings

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
# Lambda takes 4 KB of environment variables. The worker's others take under 900 characters; a
# destination that is not set spares some of them.
ENVIRONMENT_ROOM = 3_140
_SPARED = {"webhook": 65, "archive": 80}
# The parts of the watchdog's environment that no setting changes take under 520.
WATCHDOG_ROOM = 3_580
# Genesys Cloud takes 64 characters at the end of a partner event source's name, and "QueueEnds-"
# precedes the stage.
_LONGEST_STAGE_FOR_EVENTBRIDGE = 54

Rule = Callable[[Settings], Iterator[str]]
Rules = list[tuple[Rule, OnlyWith | None]]
_MISTAKES: Rules = []
_WARNINGS: Rules = []


def mistakes_together(chosen: Mapping[str, Any]) -> list[str]:
    """Return the mistakes in settings that are right by themselves; the others are absent."""
    settings = object.__new__(Settings)
    for key, value in chosen.items():
        object.__setattr__(settings, key, value)
    return list(_found(_MISTAKES, settings))


def warnings_about(settings: Settings, written: Collection[str]) -> list[str]:
    """Return what is allowed but looks wrong; `written` are the keys not left to their defaults."""
    return [*_found(_WARNINGS, settings), *_without_effect(settings, written)]


def _without_effect(settings: Settings, written: Collection[str]) -> Iterator[str]:
    for name, key in KEYS.items():
        if name not in written or getattr(settings, name) is None:
            continue
        if not _matters(key.only_with, settings):
            yield f'{name} has no effect with delivery = "{settings.delivery}"'
        elif name == "settle_seconds" and settings.end_rule != "last_queue":
            yield (
                f'settle_seconds has no effect with end_rule = "{settings.end_rule}": '
                "only last_queue settles"
            )


def _found(rules: Rules, settings: Settings) -> Iterator[str]:
    for rule, only_with in rules:
        try:
            if _matters(only_with, settings):
                yield from rule(settings)
        except AttributeError as error:
            if error.obj is not settings:  # else the setting has a mistake of its own
                raise


def _matters(only_with: OnlyWith | None, settings: Settings) -> bool:
    """Say whether a key or rule has an effect with the chosen delivery."""
    return only_with is None or only_with.delivery == settings.delivery


def _rule(rules: Rules, only_with: OnlyWith | None = None) -> Callable[[Rule], None]:
    """Return a decorator that adds a rule; `only_with` is the delivery that it belongs to."""
    return lambda rule: rules.append((rule, only_with))


@_rule(_MISTAKES)
def _batch(settings: Settings) -> Iterator[str]:
    batch, window = settings.batch_size, settings.batching_window_seconds
    if batch > 10 and window < 1:
        yield (
            f"batch_size = {batch}: a batch over 10 needs batching_window_seconds of at least 1; "
            f"it is {window}"
        )


@_rule(_MISTAKES, OnlyWith("eventbridge"))
def _stage(settings: Settings) -> Iterator[str]:
    stage, most = settings.stage, _LONGEST_STAGE_FOR_EVENTBRIDGE
    if len(stage) > most:
        yield (
            f'stage = "{stage}": with delivery = "eventbridge" it must have {most} characters or '
            f"fewer, as it is a part of the event source's name; it has {len(stage)}"
        )


@_rule(_MISTAKES)
def _webhook(settings: Settings) -> Iterator[str]:
    needs = {
        "webhook_url": "the URL that ends are posted to",
        "webhook_secret": "the name of the secret that holds the key to sign them with",
    }
    for key, needed in needs.items():
        if "webhook" in settings.destinations and getattr(settings, key, "") is None:
            yield f"{key} is missing: the destination webhook needs {needed}"


@_rule(_MISTAKES)
def _private_address(settings: Settings) -> Iterator[str]:
    url = settings.webhook_url
    if url and is_private(url) and not settings.webhook_allow_private:
        yield (
            "webhook_url: its address is not public; if it is meant, "
            "set webhook_allow_private = true"
        )


@_rule(_MISTAKES)
def _room_of_the_worker(settings: Settings) -> Iterator[str]:
    texts = [",".join(settings.queue_ids), settings.webhook_url, settings.webhook_secret]
    taken = sum(len(text or "") for text in texts)
    spared = _SPARED.keys() - set(settings.destinations)
    room = ENVIRONMENT_ROOM + sum(_SPARED[name] for name in spared)
    if taken > room:
        yield (
            f"queue_ids, webhook_url and webhook_secret take {taken} characters together; the "
            f"worker's environment has room for {room}"
        )


@_rule(_MISTAKES, OnlyWith("subscription"))
def _room_of_the_watchdog(settings: Settings) -> Iterator[str]:
    expression = settings.filter_expression
    # It is a text in JSON that is a text in JSON when Lambda measures it.
    texts = [json.dumps(json.dumps(expression)), 4 * settings.stage, settings.genesys_secret]
    texts += [2 * settings.genesys_environment]
    texts += [settings.genesys_login_url or "", settings.genesys_api_url or ""]
    over = sum(map(len, texts)) - WATCHDOG_ROOM
    if settings.watchdog != "off" and over > 0:
        key = "attribute_filter" if settings.attribute_filter else "queue_ids"
        yield (
            f"{key}: the filter has {len(expression)} characters, {over} more than the watchdog's "
            'environment has room for: shorten it, or set watchdog = "off"'
        )


@_rule(_MISTAKES, OnlyWith("subscription"))
def _filter_fails(settings: Settings) -> Iterator[str]:
    if problem := _trial(settings.attribute_filter, settings.queue_ids).problem:
        shown = json.dumps(settings.attribute_filter, ensure_ascii=False)
        works = filters.derived(settings.queue_ids)
        yield f"attribute_filter = {shown}: {problem} This works: {works}"


@_rule(_WARNINGS, OnlyWith("subscription"))
def _filter_misses(settings: Settings) -> Iterator[str]:
    trial = _trial(settings.attribute_filter, settings.queue_ids)
    for queue_id, result in trial.unmatched.items():
        yield (
            f"attribute_filter: an end in queue {queue_id} would not pass; "
            f"for it the filter gives {result}, not true"
        )


@functools.cache  # two rules ask
def _trial(expression: str | None, queue_ids: tuple[str, ...]) -> filters.Trial:
    return filters.guarded_trial(expression, queue_ids) if expression else filters.Trial()


@_rule(_WARNINGS)
def _receives(settings: Settings) -> Iterator[str]:
    receives = settings.max_receive_count
    if receives < 5:
        yield (
            f"max_receive_count = {receives}: AWS advises at least 5, as a receive counts even "
            "when Lambda is throttled"
        )
    fitting = receives_that_fit(settings.retry_delay_seconds)
    if receives > fitting:
        yield (
            f"max_receive_count = {receives}: only {fitting} receives fit into the {INTAKE_DAYS} "
            "days that the intake queue keeps a message; one that goes on failing would be deleted "
            "before it reaches the dead-letter queue"
        )


@_rule(_WARNINGS)
def _queue_ids(settings: Settings) -> Iterator[str]:
    for queue_id in settings.queue_ids:
        if not _UUID.fullmatch(queue_id):
            yield (
                f'queue_ids: "{queue_id}" does not look like a Genesys Cloud queue id, '
                "which is a UUID in lower case"
            )


@_rule(_WARNINGS)
def _no_webhook(settings: Settings) -> Iterator[str]:
    for key in ("webhook_url", "webhook_secret", "webhook_allow_private"):
        if "webhook" not in settings.destinations and getattr(settings, key):
            yield f'{key} is not used: destinations does not name "webhook"'


@_rule(_WARNINGS)
def _region(settings: Settings) -> Iterator[str]:
    domain = settings.genesys_environment
    if domain not in DOMAINS.values():
        close = difflib.get_close_matches(domain, DOMAINS.values(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield f"genesys_environment: {domain} is no public Genesys Cloud region{hint}"


@_rule(_WARNINGS, OnlyWith("subscription"))
def _fedramp(settings: Settings) -> Iterator[str]:
    domain, account = settings.genesys_environment, settings.genesys_account
    if domain == FEDRAMP_DOMAIN and account == GENESYS_ACCOUNT:
        yield (
            f"genesys_account = {account}: in FedRAMP ({domain}) Genesys Cloud sends from "
            f"{FEDRAMP_ACCOUNT}"
        )
