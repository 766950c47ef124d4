"""Which journey needs which permission of a role."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.local.permissions import callers, functions, services, worker
from tests.local.permissions.admissions import Admission
from tests.local.permissions.deployed import Stack
from tests.local.permissions.grants import Grant

FUNCTIONS = ("worker", "provisioner", "watchdog")
"""The roles of functions."""


@dataclass(frozen=True)
class Journey:
    """A use of a deployed stack that fails without some permission.

    Attributes
    ----------
    title
        The journey's description in the table.
    steps
        Raises an `AssertionError` if the journey fails.
    is_evaluated
        Whether the journey only evaluates a policy, because the emulator lacks the service.
    """

    title: str
    steps: Callable[[Stack], None]
    is_evaluated: bool = False

    def run(self, stack: Stack) -> None:
        """Carry the journey out in a fresh state; raise an `AssertionError` if it fails."""
        stack.reset()
        self.steps(stack)


def _journey(run: Callable[[Stack], None]) -> Journey:
    return Journey((run.__doc__ or "").rstrip("."), run)


def _of_role(run: Callable[..., None], role: str, *, is_evaluated: bool = False) -> Journey:
    return Journey((run.__doc__ or "").rstrip("."), partial(run, role=role), is_evaluated)


def _evaluation(run: Callable[..., None], role: str) -> Journey:
    return _of_role(run, role, is_evaluated=True)


_DELIVERED = _journey(worker.is_delivered)
_COLD = _journey(worker.is_delivered_after_a_cold_start)
_REJECTED = _journey(worker.is_rejected)
_RECEIVED = _journey(worker.is_received)
_UPDATED = _journey(functions.updates_the_resource)
_WELL = _journey(functions.finds_all_well)
_BACKFILLED = _journey(functions.sends_a_missed_end)
_WRITTEN = _journey(services.firehose_writes)

_BY_STATEMENT = {
    ("worker", "ReadIntakeQueue"): _RECEIVED,
    ("worker", "RejectToDeadLetterQueue"): _REJECTED,
    ("worker", "KeepLedger"): _DELIVERED,
    ("worker", "PutEndsOnBus"): _DELIVERED,
    ("worker", "WriteToArchive"): _DELIVERED,
    ("worker", "TakeRequestSlots"): _DELIVERED,
    ("worker", "UseKeyOfLedger"): _DELIVERED,
    ("worker", "ReadWebhookKey"): _COLD,
    ("worker", "ReadGenesysCredentials"): _COLD,
    ("worker", "UseKeyOfSecrets"): _COLD,
    ("worker", "SendDelayedEnds"): _journey(worker.awaits_details),
    ("worker", "SendSettleEvents"): _DELIVERED,
    ("worker", "UseKeyOfQueues"): _REJECTED,
    ("provisioner", "ReadGenesysCredentials"): _UPDATED,
    ("provisioner", "UseKeyOfSecrets"): _UPDATED,
    ("provisioner", "ReadOwnStackStatus"): _journey(functions.refuses_a_late_create),
    ("provisioner", "SeePartnerEventSources"): _journey(functions.waits_for_the_event_source),
    ("watchdog", "ReadGenesysCredentials"): _WELL,
    ("watchdog", "UseKeyOfSecrets"): _WELL,
    ("watchdog", "KeepQueueMetricsAwake"): _WELL,
    ("watchdog", "TakeLease"): _WELL,
    ("watchdog", "UseKeyOfLedger"): _WELL,
    ("watchdog", "SeePartnerEventSources"): _WELL,
    ("watchdog", "ReadOwnStackStatus"): _journey(functions.heals),
    ("watchdog", "LookUpEnds"): _BACKFILLED,
    ("watchdog", "KeepBackfillCursors"): _BACKFILLED,
    ("watchdog", "SendMissedEnds"): _BACKFILLED,
    ("watchdog", "UseKeyOfQueues"): _BACKFILLED,
    ("Firehose", "FindBucket"): _WRITTEN,
    ("Firehose", "WriteObjects"): _WRITTEN,
    ("Firehose", "UseKeyOfBucket"): _WRITTEN,
    ("Firehose", "WriteErrors"): _journey(services.firehose_reports),
    **{(role, "WriteLogs"): _of_role(services.is_logged, role) for role in FUNCTIONS},
    **{(role, "WriteTraces"): _evaluation(services.sends_traces, role) for role in FUNCTIONS},
    **{
        (role, f"{verb}NetworkInterfaces"): _evaluation(services.connects_to_network, role)
        for role in FUNCTIONS
        for verb in ("Make", "Manage", "See")
    },
    **{
        (role, "DenyNetworkInterfacesToCode"): _evaluation(services.code_stays_off_network, role)
        for role in FUNCTIONS
    },
}
_BY_ACTION = {
    ("worker", "ReadIntakeQueue", "sqs:ChangeMessageVisibility"): _journey(worker.is_retried),
    ("worker", "KeepLedger", "dynamodb:BatchGetItem"): _journey(worker.is_a_duplicate),
}
"""Where not all actions of a statement have the same journey."""


_EVALUATED_CHECKS = (
    callers.is_refused_without_tls,
    callers.rules_send_undelivered_events,
    callers.schedule_invokes,
)
_CHECKS = {
    ("intake queue", "GenesysCloudSends"): callers.genesys_cloud_sends,
    ("intake queue", "PartnerBusRulesSend"): callers.rules_send,
    ("undelivered queue", "PartnerBusRulesSend"): callers.rules_send_undelivered_events,
    ("alarms' topic", "AlarmsPublish"): callers.alarms_publish,
    ("watchdog", "ScheduleInvokes"): callers.schedule_invokes,
    **{
        (resource, "without TLS"): callers.is_refused_without_tls
        for resource in ("intake queue", "dead-letter queue", "undelivered queue")
    },
    ("archive's bucket", "without TLS"): callers.is_refused_without_tls,
    ("alarms' topic", "AllowPublishThroughSSLOnly"): callers.is_refused_without_tls,
}


def check_of(admission: Admission, logical_id: str) -> Journey | None:
    """Return the journey that fails without an admission; None if nobody knows one.

    Parameters
    ----------
    logical_id
        The logical id of the admission's resource.
    """
    check = _CHECKS.get((admission.resource, admission.sid))
    if check is None:
        return None
    run = partial(check, admission=admission, logical_id=logical_id)
    return Journey(check.__doc__ or "", run, is_evaluated=check in _EVALUATED_CHECKS)


def journey_of(grant: Grant) -> Journey | None:
    """Return the journey that fails without a grant; None if nobody knows one."""
    special = _BY_ACTION.get((grant.role, grant.sid, grant.action))
    return special or _BY_STATEMENT.get((grant.role, grant.sid))
