"""What settings must hold together, and what is allowed but looks wrong."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infra.settings import attribute_filter as filters
from infra.settings.checks import is_private
from infra.settings.regions import DOMAINS, FEDRAMP_ACCOUNT, FEDRAMP_DOMAIN, GENESYS_ACCOUNT
from infra.settings.retries import INTAKE_DAYS, receives_that_fit

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
# Lambda takes 4 KB of environment variables; the worker's others take under 900 characters, so
# many of them for a destination that may not be set.
ENVIRONMENT_ROOM = 3_140
# Of the watchdog's, the parts that no setting changes take under 520.
WATCHDOG_ROOM = 3_580
_SPARED = {"webhook": 65, "archive": 80}
# What Genesys Cloud takes as the end of a partner event source's name is 64 characters long, and
# "QueueEnds-" is before the stage.
_LONGEST_STAGE_FOR_EVENTBRIDGE = 54
_EVENTBRIDGE_ONLY = ("end_rule", "settle_seconds", "archive_days")
_SUBSCRIPTION_ONLY = ("attribute_filter", "genesys_account")


def check_together(
    chosen: Mapping[str, Any], *, stage: str, written: Collection[str]
) -> tuple[list[str], list[str]]:
    """Check settings against each other.

    Parameters
    ----------
    chosen
        The settings that are right by themselves; one with a mistake of its own is absent.
    stage
        The stage that they are for.
    written
        The keys that are not left to their defaults.

    Returns
    -------
    tuple[list[str], list[str]]
        Mistakes, and warnings.
    """
    filter_mistake, filter_warnings = _filter_findings(chosen)
    mistakes = [
        *_batch_mistake(chosen),
        *_stage_mistake(chosen, stage),
        *_webhook_mistakes(chosen),
        *_room_mistake(chosen),
        *_watchdog_room_mistake(chosen, stage),
        *filter_mistake,
    ]
    warnings = [
        *_warnings(chosen),
        *_retry_warning(chosen),
        *_delivery_warnings(chosen, written),
        *filter_warnings,
    ]
    return mistakes, warnings


def _batch_mistake(chosen: Mapping[str, Any]) -> Iterator[str]:
    batch, window = chosen.get("batch_size", 0), chosen.get("batching_window_seconds", 1)
    if batch > 10 and window < 1:
        yield (
            f"batch_size = {batch}: a batch over 10 needs batching_window_seconds of at least 1; "
            f"it is {window}"
        )


def _stage_mistake(chosen: Mapping[str, Any], stage: str) -> Iterator[str]:
    most = _LONGEST_STAGE_FOR_EVENTBRIDGE
    if chosen.get("delivery") == "eventbridge" and len(stage) > most:
        yield (
            f'stage = "{stage}": with delivery = "eventbridge" it must have {most} characters or '
            f"fewer, as it is a part of the event source's name; it has {len(stage)}"
        )


def _webhook_mistakes(chosen: Mapping[str, Any]) -> Iterator[str]:
    for key, what in (
        ("webhook_url", "the URL that ends are posted to"),
        ("webhook_secret", "the name of the secret that holds the key to sign them with"),
    ):
        if "webhook" in chosen.get("destinations", ()) and chosen.get(key, "") is None:
            yield f"{key} is missing: the destination webhook needs {what}"
    url = chosen.get("webhook_url")
    if url and is_private(url) and chosen.get("webhook_allow_private") is False:
        yield (
            "webhook_url: its address is not public; if it is meant, "
            "set webhook_allow_private = true"
        )


def _room_mistake(chosen: Mapping[str, Any]) -> Iterator[str]:
    texts = [",".join(chosen.get("queue_ids", ()))]
    texts += [chosen.get(key) or "" for key in ("webhook_url", "webhook_secret")]
    unset = _SPARED.keys() - set(chosen.get("destinations", ()))
    room = ENVIRONMENT_ROOM + sum(_SPARED[name] for name in unset)
    if (taken := sum(map(len, texts))) > room:
        yield (
            f"queue_ids, webhook_url and webhook_secret take {taken} characters together; the "
            f"worker's environment has room for {room}"
        )


def _watchdog_room_mistake(chosen: Mapping[str, Any], stage: str) -> Iterator[str]:
    needed = {"delivery", "watchdog", "queue_ids", "attribute_filter", "genesys_environment"}
    if not needed <= chosen.keys() or chosen["delivery"] != "subscription":
        return
    expression = chosen["attribute_filter"] or filters.derived(chosen["queue_ids"])
    # It is a text in JSON that is a text in JSON when Lambda measures it.
    texts = [json.dumps(json.dumps(expression)), 4 * stage, 2 * chosen["genesys_environment"]]
    texts += [
        chosen.get(key) or "" for key in ("genesys_secret", "genesys_login_url", "genesys_api_url")
    ]
    over = sum(map(len, texts)) - WATCHDOG_ROOM
    if chosen["watchdog"] != "off" and over > 0:
        key = "attribute_filter" if chosen["attribute_filter"] else "queue_ids"
        yield (
            f"{key}: the filter has {len(expression)} characters, {over} more than the watchdog's "
            'environment has room for: shorten it, or set watchdog = "off"'
        )


def _retry_warning(chosen: Mapping[str, Any]) -> Iterator[str]:
    if not {"max_receive_count", "retry_delay_seconds"} <= chosen.keys():
        return
    receives, fitting = (
        chosen["max_receive_count"],
        receives_that_fit(chosen["retry_delay_seconds"]),
    )
    if receives > fitting:
        yield (
            f"max_receive_count = {receives}: only {fitting} receives fit into the {INTAKE_DAYS} "
            "days that the intake queue keeps a message; one that goes on failing would be deleted "
            "before it reaches the dead-letter queue"
        )


def _delivery_warnings(chosen: Mapping[str, Any], written: Collection[str]) -> Iterator[str]:
    delivery = chosen.get("delivery")
    useless = {"subscription": _EVENTBRIDGE_ONLY, "eventbridge": _SUBSCRIPTION_ONLY}
    for key in useless.get(str(delivery), ()):
        if key in written and chosen.get(key) is not None:
            yield f'{key} has no effect with delivery = "{delivery}"'
    rule = chosen.get("end_rule", "last_queue")
    if delivery == "eventbridge" and rule != "last_queue" and "settle_seconds" in written:
        yield f'settle_seconds has no effect with end_rule = "{rule}": only last_queue settles'


def _warnings(chosen: Mapping[str, Any]) -> Iterator[str]:
    receives = chosen.get("max_receive_count", 5)
    if receives < 5:
        yield (
            f"max_receive_count = {receives}: AWS advises at least 5, as a receive counts even "
            "when Lambda is throttled"
        )
    for queue_id in chosen.get("queue_ids", ()):
        if not _UUID.fullmatch(queue_id):
            yield (
                f'queue_ids: "{queue_id}" does not look like a Genesys Cloud queue id, '
                "which is a UUID in lower case"
            )
    if "webhook" not in chosen.get("destinations", ("webhook",)):
        for key in ("webhook_url", "webhook_secret", "webhook_allow_private"):
            if chosen.get(key):
                yield f'{key} is not used: destinations does not name "webhook"'
    domain, account = chosen.get("genesys_environment"), chosen.get("genesys_account")
    if domain and domain not in DOMAINS.values():
        close = difflib.get_close_matches(domain, DOMAINS.values(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield f"genesys_environment: {domain} is no public Genesys Cloud region{hint}"
    subscribes = chosen.get("delivery") == "subscription"
    if subscribes and domain == FEDRAMP_DOMAIN and account == GENESYS_ACCOUNT:
        yield (
            f"genesys_account = {account}: in FedRAMP ({domain}) Genesys Cloud sends from "
            f"{FEDRAMP_ACCOUNT}"
        )


def _filter_findings(chosen: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    if not {"queue_ids", "attribute_filter"} <= chosen.keys():
        return [], []
    if chosen.get("delivery") == "eventbridge":
        return [], []
    queue_ids, given = chosen["queue_ids"], chosen["attribute_filter"]
    if given:
        trial = filters.guarded_trial(given, queue_ids)
    else:
        trial = filters.trial(filters.derived(queue_ids), queue_ids)
    if trial.problem:
        shown = json.dumps(given, ensure_ascii=False)
        return [f"attribute_filter = {shown}: {trial.problem} This works: {trial.suggestion}"], []
    return [], [
        f"attribute_filter: an end in queue {queue_id} would not pass; "
        f"for it the filter gives {result}, not true"
        for queue_id, result in trial.unmatched.items()
    ]
