"""What settings must hold together, and what is allowed but looks wrong."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra import attribute_filter as filters
from infra.regions import DOMAINS, FEDRAMP_ACCOUNT, FEDRAMP_DOMAIN, GENESYS_ACCOUNT

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


def check_together(chosen: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Check settings against each other.

    Parameters
    ----------
    chosen
        The settings that are right by themselves; one with a mistake of its own is absent.

    Returns
    -------
    tuple[list[str], list[str]]
        Mistakes, and warnings.
    """
    filter_mistake, filter_warnings = _filter_findings(chosen)
    mistakes = [*_batch_mistake(chosen), *filter_mistake]
    return mistakes, [*_warnings(chosen), *filter_warnings]


def _batch_mistake(chosen: Mapping[str, Any]) -> Iterator[str]:
    batch, window = chosen.get("batch_size", 0), chosen.get("batching_window_seconds", 1)
    if batch > 10 and window < 1:
        yield (
            f"batch_size = {batch}: a batch over 10 needs batching_window_seconds of at least 1; "
            f"it is {window}"
        )


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
    domain, account = chosen.get("genesys_environment"), chosen.get("genesys_account")
    if domain and domain not in DOMAINS.values():
        close = difflib.get_close_matches(domain, DOMAINS.values(), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        yield f"genesys_environment: {domain} is no public Genesys Cloud region{hint}"
    if domain == FEDRAMP_DOMAIN and account == GENESYS_ACCOUNT:
        yield (
            f"genesys_account = {account}: in FedRAMP ({domain}) Genesys Cloud sends from "
            f"{FEDRAMP_ACCOUNT}"
        )


def _filter_findings(chosen: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    if not {"queue_ids", "attribute_filter"} <= chosen.keys():
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
