"""Rules about combinations of settings: a conflict stops the synth, a warning does not."""

import difflib
import functools
import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from genesys.queue_ids import is_uuid, pack_ids

from . import attribute_filter as filters
from .account import rules as account_rules
from .checks import has_private_address
from .key import OnlyWithDelivery
from .regions import DOMAINS, FEDRAMP_ACCOUNT, FEDRAMP_DOMAIN, GENESYS_ACCOUNT
from .retries import INTAKE_DAYS, receives_that_fit
from .rule import Rules, add_rule
from .settings import KEYS, Settings
from .worker_environment import (
    characters_available,
    characters_taken,
    network_characters,
    room_for_queue_names,
)

# If the worker's environment has room for fewer characters of each queue's name, a warning says so.
_MIN_NAME_CHARACTERS = 16
# The watchdog's other variables leave this many characters for the settings that
# `_overfull_watchdog_environment` counts.
MAX_WATCHDOG_ENVIRONMENT_CHARACTERS = 3_200
# Genesys Cloud allows a suffix of 64 characters in a partner event source's name. Our suffix is
# "QueueEnds-" and the stage.
_MAX_EVENTBRIDGE_STAGE_CHARACTERS = 54

_CONFLICT_RULES: Rules = []
_WARNING_RULES: Rules = []


def find_conflicts(values: Mapping[str, Any]) -> list[str]:
    """Return a message for each conflict between settings.

    The values are keyed by name. Settings that are invalid, or required but missing, are absent.
    """
    # Absent settings stay unset, so that the rules that read them are skipped.
    settings = object.__new__(Settings)
    for key, value in values.items():
        object.__setattr__(settings, key, value)
    return list(_find_messages(_CONFLICT_RULES + account_rules.CONFLICT_RULES, settings))


def find_warnings(settings: Settings, explicit_keys: Collection[str]) -> list[str]:
    """Return a warning for each allowed value that looks wrong or has no effect.

    `explicit_keys` are the keys that the user has set. All other keys have their defaults.
    """
    return [
        *_find_messages(_WARNING_RULES + account_rules.WARNING_RULES, settings),
        *_ineffective_key_warnings(settings, explicit_keys),
    ]


def _ineffective_key_warnings(settings: Settings, explicit_keys: Collection[str]) -> Iterator[str]:
    for name, key in KEYS.items():
        if name not in explicit_keys or getattr(settings, name) is None:
            continue
        if not _matches_delivery(key.only_with, settings):
            yield f'{name} has no effect with delivery = "{settings.delivery}"'
        elif name.startswith("details_") and settings.details == "none":
            yield f'{name} has no effect with details = "none"'
        elif name == "settle_seconds" and settings.end_rule != "last_queue":
            yield (
                f'settle_seconds has no effect with end_rule = "{settings.end_rule}": '
                "only last_queue settles"
            )


def _find_messages(rules: Rules, settings: Settings) -> Iterator[str]:
    for rule, only_with in rules:
        try:
            if _matches_delivery(only_with, settings):
                yield from rule(settings)
        except AttributeError as error:
            reads_absent_setting = error.obj is settings
            if not reads_absent_setting:
                raise


def _matches_delivery(only_with: OnlyWithDelivery | None, settings: Settings) -> bool:
    return only_with is None or only_with.delivery == settings.delivery


@add_rule(_CONFLICT_RULES)
def _large_batch_without_window(settings: Settings) -> Iterator[str]:
    batch, window = settings.batch_size, settings.batching_window_seconds
    if batch > 10 and window < 1:
        yield (
            f"batch_size = {batch}: a batch over 10 needs batching_window_seconds of at least 1; "
            f"it is {window}"
        )


@add_rule(_CONFLICT_RULES, OnlyWithDelivery("eventbridge"))
def _long_stage(settings: Settings) -> Iterator[str]:
    stage, limit = settings.stage, _MAX_EVENTBRIDGE_STAGE_CHARACTERS
    if len(stage) > limit:
        yield (
            f'stage = "{stage}": with delivery = "eventbridge" it must have {limit} characters or '
            f"fewer, because the event source's name contains it; it has {len(stage)}"
        )


@add_rule(_CONFLICT_RULES)
def _receives_longer_than_retention(settings: Settings) -> Iterator[str]:
    receives, delay = settings.max_receive_count, settings.retry_delay_seconds
    timeout = settings.worker_timeout_seconds
    limit = receives_that_fit(delay, timeout, settings.visibility_timeout_seconds)
    if receives > limit:
        yield (
            f"max_receive_count = {receives}: must be {limit} or lower with retry_delay_seconds = "
            f"{delay} and worker_timeout_seconds = {timeout}, because the intake queue keeps a "
            f"message for {INTAKE_DAYS} days: a message that keeps failing would be deleted before "
            "it reaches the dead-letter queue"
        )


@add_rule(_CONFLICT_RULES)
def _missing_webhook_url(settings: Settings) -> Iterator[str]:
    if "webhook" in settings.destinations and settings.webhook_url is None:
        yield (
            "webhook_url is missing: the destination webhook needs the URL that ends are posted to"
        )


@add_rule(_CONFLICT_RULES)
def _missing_webhook_secret(settings: Settings) -> Iterator[str]:
    if "webhook" in settings.destinations and settings.webhook_secret is None:
        yield (
            "webhook_secret is missing: the destination webhook needs the name of the secret that "
            "holds the key to sign ends with"
        )


@add_rule(_CONFLICT_RULES)
def _private_webhook_address(settings: Settings) -> Iterator[str]:
    url = settings.webhook_url
    if url and has_private_address(url) and not settings.webhook_allow_private:
        yield (
            "webhook_url: the host's address is not public; if this is intended, "
            "set webhook_allow_private = true"
        )


@add_rule(_CONFLICT_RULES)
def _overfull_worker_environment(settings: Settings) -> Iterator[str]:
    size, limit = characters_taken(settings), characters_available(settings)
    parts = "queue_ids, webhook_url and webhook_secret"
    if settings.details == "analytics":
        parts = "queue_ids, webhook_url, webhook_secret and the variables for details"
    if size > limit:
        yield (
            f"{parts} take {size} characters together; the worker's "
            f"environment has room for {limit}"
        )


@add_rule(_CONFLICT_RULES)
def _unusable_backfill(settings: Settings) -> Iterator[str]:
    if settings.backfill != "off" and settings.watchdog == "off":
        yield f'backfill = "{settings.backfill}": the watchdog runs it, and watchdog is "off"'
    if settings.backfill == "repair" and settings.attribute_filter:
        yield 'backfill = "repair" would deliver what attribute_filter holds back: use "report"'


@add_rule(_CONFLICT_RULES, OnlyWithDelivery("subscription"))
def _overfull_watchdog_environment(settings: Settings) -> Iterator[str]:
    expression = settings.filter_expression
    # Lambda measures the environment as JSON. The filter counts as JSON within JSON, because the
    # variable that contains it is JSON too. The stage occurs eight times, and the domain twice.
    values = [
        json.dumps(json.dumps(expression)),
        pack_ids(settings.queue_ids),
        8 * settings.stage,
        2 * settings.genesys_environment,
        settings.genesys_secret,
        *(url or "" for url in (settings.genesys_login_url, settings.genesys_api_url)),
    ]
    size = sum(map(len, values)) + network_characters(settings)
    excess = size - MAX_WATCHDOG_ENVIRONMENT_CHARACTERS
    if settings.watchdog != "off" and excess > 0:
        key = "attribute_filter" if settings.attribute_filter else "queue_ids"
        yield (
            f"{key}: the filter has {len(expression)} characters, {excess} more than the "
            'watchdog\'s environment has room for: shorten it, or set watchdog = "off"'
        )


@add_rule(_CONFLICT_RULES, OnlyWithDelivery("subscription"))
def _failing_filter(settings: Settings) -> Iterator[str]:
    if problem := _try_filter(settings.attribute_filter, settings.queue_ids).problem:
        quoted = json.dumps(settings.attribute_filter, ensure_ascii=False)
        working = filters.derive_filter(settings.queue_ids)
        yield f"attribute_filter = {quoted}: {problem} This works: {working}"


@add_rule(_WARNING_RULES, OnlyWithDelivery("subscription"))
def _mismatching_filter(settings: Settings) -> Iterator[str]:
    trial = _try_filter(settings.attribute_filter, settings.queue_ids)
    for queue_id, result in trial.mismatches.items():
        yield (
            f"attribute_filter: an end in queue {queue_id} would not pass; "
            f"the filter gives {result} for it, not true"
        )


@functools.cache  # two rules call this function
def _try_filter(expression: str | None, queue_ids: tuple[str, ...]) -> filters.TrialResult:
    if not expression:
        return filters.TrialResult()
    return filters.try_filter_in_subprocess(expression, queue_ids)


@add_rule(_WARNING_RULES)
def _few_receives(settings: Settings) -> Iterator[str]:
    receives = settings.max_receive_count
    if receives < 5:
        yield (
            f"max_receive_count = {receives}: AWS advises at least 5, because a receive counts "
            "even when Lambda is throttled"
        )


@add_rule(_WARNING_RULES)
def _unusual_queue_id(settings: Settings) -> Iterator[str]:
    for queue_id in settings.queue_ids:
        if not is_uuid(queue_id):
            yield (
                f'queue_ids: "{queue_id}" does not look like a Genesys Cloud queue id, '
                "which is a UUID in lower case"
            )


@add_rule(_WARNING_RULES)
def _little_room_for_queue_names(settings: Settings) -> Iterator[str]:
    room, count = room_for_queue_names(settings), len(settings.queue_ids)
    if room < _MIN_NAME_CHARACTERS * count:
        yield (
            "queue_ids, webhook_url and webhook_secret leave room for only "
            f"{room} characters of queue names in the worker's environment: ends in queues whose "
            "names do not fit may have no queue_name"
        )


@add_rule(_WARNING_RULES)
def _little_time_for_details(settings: Settings) -> Iterator[str]:
    # Three seconds are for the time after the steps of the batch. Three steps share the rest: to
    # ask for the details, to send the delayed messages, and to deliver.
    seconds = 3 + 3 * 2
    if settings.details == "analytics" and settings.worker_timeout_seconds < seconds:
        yield (
            f"worker_timeout_seconds = {settings.worker_timeout_seconds} leaves less than 2 s to "
            f"ask for details: use at least {seconds}, or ends may arrive without them"
        )


@add_rule(_WARNING_RULES)
def _unused_webhook_key(settings: Settings) -> Iterator[str]:
    for key in ("webhook_url", "webhook_secret", "webhook_allow_private"):
        if "webhook" not in settings.destinations and getattr(settings, key):
            yield f'{key} is not used: destinations does not name "webhook"'


@add_rule(_WARNING_RULES)
def _unused_expiry(settings: Settings) -> Iterator[str]:
    if settings.archive_expiry_days and "archive" not in settings.destinations:
        yield 'archive_expiry_days is not used: destinations does not name "archive"'


@add_rule(_WARNING_RULES)
def _unknown_region(settings: Settings) -> Iterator[str]:
    domain = settings.genesys_environment
    if domain not in DOMAINS.values():
        close = difflib.get_close_matches(domain, DOMAINS.values(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield f"genesys_environment: {domain} is no public Genesys Cloud region{hint}"


@add_rule(_WARNING_RULES, OnlyWithDelivery("subscription"))
def _wrong_fedramp_account(settings: Settings) -> Iterator[str]:
    domain, account = settings.genesys_environment, settings.genesys_account
    if domain == FEDRAMP_DOMAIN and account == GENESYS_ACCOUNT:
        yield (
            f"genesys_account = {account}: in FedRAMP ({domain}) Genesys Cloud sends from "
            f"{FEDRAMP_ACCOUNT}"
        )
