"""The backfill in the watchdog's run: looks for missing ends, logs the result, emits metrics."""

import functools

from aws_lambda_powertools import Logger

import metrics
from aws_calls import CALL_ERRORS, code_of
from backfill.assembly import make_backfill
from backfill.cursor import CursorMoved, KeepsCursors
from backfill.known_ends import LedgerUnreadable
from backfill.passes import MAX_BEHIND_MS, PASSES, Pass, PassResult, run_pass
from backfill.search import NO_TIME, Backfill, Findings, SendFailed
from backfill.table_cursors import TableCursors
from backfill.windows import DAY_MS, MINUTE_MS
from deadline import Clock, Deadline, InvocationContext, now_ms
from genesys.client import GenesysClient
from genesys.conversation_search import PERMISSION
from genesys.credentials import load_credentials
from genesys.errors import GenesysError, UserFacingError
from intake.sending import send_bodies
from time_limit import time_limit
from tracebacks import error_origin
from watchdog.clients import Clients
from watchdog.deployment import BackfillSettings, Deployment

# The backfill stops this many seconds before the function's timeout, and is interrupted later if it
# has not stopped by itself.
DEADLINE_SECONDS_BEFORE_TIMEOUT = 15.0
OVERRUN_SECONDS = 5.0
# The passes change their order after this time, which is about that of a run.
TURN_MS = 5 * MINUTE_MS
# How many missing ends the log names.
MAX_LOGGED_ENDS = 10


class BackfillStep:
    """Runs the passes of the backfill that are due."""

    def __init__(
        self,
        deployment: Deployment,
        settings: BackfillSettings,
        clients: Clients,
        logger: Logger,
        now_ms: Clock = now_ms,
    ) -> None:
        self._deployment = deployment
        self._settings = settings
        self._clients = clients
        self._logger = logger
        self._now_ms = now_ms

    def __call__(self, context: InvocationContext) -> None:
        """Run the passes until shortly before the invocation's timeout; never raise an error.

        The metrics `MissedEnds` and `RecoveredEnds` are emitted if a pass has done something.
        """
        if not self._deployment.queue_ids:
            self._logger.warning("Backfill stopped", reason="No id in queue_ids is a UUID.")
            return
        deadline = Deadline.before_timeout(context, DEADLINE_SECONDS_BEFORE_TIMEOUT)
        cursors = TableCursors(self._clients.dynamodb, self._deployment.ledger_table)
        backfill = self._make_backfill(deadline)
        # If both passes need more time than a run has, they take turns.
        is_second_turn = self._now_ms() // TURN_MS % 2
        for one in PASSES[::-1] if is_second_turn else PASSES:
            if deadline.passed() or not self._run_pass(one, backfill, cursors, deadline):
                return

    def _run_pass(
        self, one: Pass, backfill: Backfill, cursors: KeepsCursors, deadline: Deadline
    ) -> bool:
        """Run a pass if it is due; return whether the next pass can be run."""
        findings = Findings()
        result: PassResult | None = None
        failure = ""
        try:
            with time_limit(deadline.left() + OVERRUN_SECONDS):
                result = run_pass(
                    one, backfill, cursors, deadline, now_ms=self._now_ms, findings=findings
                )
        except Exception as error:  # noqa: BLE001 - the backfill must not fail the watchdog's run
            failure = _describe(error)
            self._logger.warning("Backfill stopped", of=one.name, reason=failure)
        if result or findings.pages:
            self._report(one.name, findings)
        if result and result.skipped_ms:
            days = round(result.skipped_ms / DAY_MS, 1)
            reason = f"The backfill looks back {MAX_BEHIND_MS // DAY_MS} days at most."
            self._logger.warning("Ends not looked for", of=one.name, days=days, reason=reason)
        return not failure

    def _report(self, name: str, findings: Findings) -> None:
        """Log the results of a pass, and emit its metrics."""
        counts = {
            "of": name,
            "pages": findings.pages,
            "conversations": findings.conversations,
            "ends": findings.ends,
            "missing": len(findings.missing),
            "sent": findings.sent,
            "finished": findings.is_finished,
        }
        self._logger.info("Backfill", extra=counts)
        if findings.missing:
            some = findings.missing[:MAX_LOGGED_ENDS]
            ids = [f"{end.conversation_id} in {end.queue_id}" for end in some]
            self._logger.warning("Missed ends", of=name, missing=len(findings.missing), ends=ids)
        # A pass that lacked time goes on in the next run.
        problems = [problem for problem in findings.problems if problem != NO_TIME]
        if problems:
            self._logger.warning("Backfill incomplete", of=name, reasons=problems)
        metrics.emit(
            {"Stage": self._deployment.stage},
            {"MissedEnds": len(findings.missing), "RecoveredEnds": findings.sent},
        )

    def _make_backfill(self, deadline: Deadline) -> Backfill:
        settings = self._settings
        send = functools.partial(
            send_bodies, self._clients.sqs, settings.intake_queue_url, logger=self._logger
        )
        return make_backfill(
            lambda: self._log_in(deadline),
            self._clients.dynamodb,
            self._deployment.ledger_table,
            rule=settings.end_rule,
            queue_ids=self._deployment.queue_ids,
            send=send if settings.sends else None,
            now_ms=self._now_ms,
        )

    def _log_in(self, deadline: Deadline) -> GenesysClient:
        resource = self._deployment.resource
        credentials = load_credentials(self._clients.secrets, resource.secret_name, deadline)
        return GenesysClient(
            resource.login_url, resource.api_url, credentials, deadline, retries=False
        )


def _describe(error: Exception) -> str:
    """Return what to log about an error; nothing of an unforeseen one's message."""
    match error:
        case GenesysError(status=403):
            return f"The role of the OAuth client needs the permission {PERMISSION}. {error}."
        case GenesysError() | UserFacingError() | LedgerUnreadable() | SendFailed() | CursorMoved():
            return str(error)
    if isinstance(error, CALL_ERRORS):
        return f"AWS failed ({code_of(error)})."
    return error_origin(error)
