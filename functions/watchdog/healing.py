"""Removes the differences between Genesys Cloud and the deployed stack.

`watchdog.stack_state` explains how a deploy or a destroy at the same time does no harm.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from deadline import Deadline, InvocationContext
from genesys.client import GenesysClient
from genesys.credentials import Credentials, load_credentials
from genesys.errors import GenesysError, NotAsSpecified, UserFacingError
from resources.org import Org
from resources.resource import Comparison
from resources.stack_status import StackStatusUnknown, read_stack_status
from resources.undo import CleanupFailed, search_attempts
from time_limit import time_limit
from watchdog.clients import Clients
from watchdog.comparison import compare
from watchdog.deployment import Deployment
from watchdog.stack_state import is_being_deleted, is_settled

# The steps must end this many seconds before the function's timeout. The time after them is for the
# watchdog's other checks.
AFTER_CHANGES_SECONDS = 95.0
AFTER_CLEANUP_SECONDS = 75.0
AFTER_COMPARISON_SECONDS = 60.0
AFTER_REMOVAL_SECONDS = 35.0
# A step that overruns its deadline is interrupted this many seconds later.
_OVERRUN_SECONDS = 5.0
_MAX_REASON_CHARACTERS = 1_000


class NotSettled(UserFacingError):
    """The stack's state does not allow changes in Genesys Cloud."""


@dataclass(frozen=True, slots=True)
class Healing:
    """The comparison after the changes, and the requests that made these changes, in order."""

    comparison: Comparison
    changes: tuple[str, ...] = ()


class Healer:
    """Removes differences once, in one invocation of the watchdog."""

    def __init__(
        self, deployment: Deployment, context: InvocationContext, clients: Clients, logger: Logger
    ) -> None:
        self._stack_name = deployment.stack_name
        self._resource = deployment.resource
        self._context = context
        self._clients = clients
        self._logger = logger
        self._genesys_clients: list[GenesysClient] = []

    def heal(self, found: Comparison) -> Healing:
        """Remove the differences that were found, compare again, and log the result; never raise.

        Change nothing if the stack is not settled. If the stack is being deleted after the changes,
        remove our resource.
        """
        deadline = self._deadline(AFTER_CHANGES_SECONDS)
        try:
            with time_limit(deadline.left() + _OVERRUN_SECONDS):
                name = self._resource.secret_name
                credentials = load_credentials(self._clients.secrets, name, deadline)
                self._check_settled(deadline)
        except Exception as error:  # noqa: BLE001 - the watchdog still has to report
            return self._finish(found, found, _explain(error, self._resource))
        problem = self._change(credentials)
        remaining = self._compare_again(found)
        if self._is_stack_being_deleted():
            remaining = self._remove(credentials)
        return self._finish(found, remaining, problem)

    def _check_settled(self, deadline: Deadline) -> None:
        status = read_stack_status(self._clients.cloudformation, self._stack_name, deadline)
        if not is_settled(status):
            raise NotSettled(
                f"The stack {self._stack_name} is in the state {status}. The watchdog changes "
                "nothing until the stack has been deployed completely."
            )

    def _change(self, credentials: Credentials) -> str:
        """Remove the differences; return why it failed, or an empty string."""
        client = self._make_client(credentials, AFTER_CHANGES_SECONDS)
        cleanup_client = self._make_client(credentials, AFTER_CLEANUP_SECONDS)
        return self._attempt(
            lambda: self._resource.heal(
                client, self._clients.eventbridge, cleanup_client=cleanup_client
            ),
            cleanup_client,
        )

    def _compare_again(self, found: Comparison) -> Comparison:
        """Compare until there is no difference; return the last comparison.

        Genesys Cloud's lists may show a new resource late.
        """
        comparison = found
        deadline = self._deadline(AFTER_COMPARISON_SECONDS)
        try:
            with time_limit(deadline.left() + _OVERRUN_SECONDS):
                for _ in search_attempts(deadline, resource_may_yet_appear=True):
                    comparison = compare(self._resource, deadline, self._clients)
                    if not comparison.differences:
                        break
        except Exception as error:  # noqa: BLE001 - the differences that were found remain
            detail = _explain(error, self._resource)
            self._logger.info("Could not compare after healing", detail=detail)
        return comparison

    def _is_stack_being_deleted(self) -> bool:
        deadline = self._deadline(AFTER_COMPARISON_SECONDS).extended_by(_OVERRUN_SECONDS)
        try:
            status = read_stack_status(self._clients.cloudformation, self._stack_name, deadline)
        except StackStatusUnknown as error:
            self._logger.warning("Could not read the stack's status", detail=str(error))
            # Before the changes, AWS did not refuse this. A destroy also deletes our role.
            return error.access_refused
        if not is_settled(status):
            self._logger.info("The stack has begun to change", status=status)
        return is_being_deleted(status)

    def _remove(self, credentials: Credentials) -> Comparison:
        """Remove our resource because the stack is being deleted; return what is to be reported."""
        client = self._make_client(credentials, AFTER_REMOVAL_SECONDS)
        problem = self._attempt(
            lambda: self._resource.remove(client, resource_may_yet_appear=True), client
        )
        noun, name = self._resource.noun, self._resource.name
        difference = f"The stack {self._stack_name} is being deleted, so the watchdog "
        if problem:
            difference += (
                f"tried to remove the {noun} {name!r}, but failed: {problem} Remove it in Genesys "
                "Cloud by hand."
            )
        else:
            difference += f"removed the {noun} {name!r}."
        return Comparison(differences=(difference,))

    def _finish(self, found: Comparison, remaining: Comparison, problem: str) -> Healing:
        """Log what was done, and return the result."""
        changes = [change for client in self._genesys_clients for change in client.changes]
        if remaining.differences:
            self._logger.warning(
                "Could not heal",
                differences=list(remaining.differences),
                changes=changes,
                detail=problem,
            )
        elif changes:
            differences = list(found.differences)
            self._logger.warning("Healed", differences=differences, changes=changes)
        else:
            # Somebody else has removed the differences since the second comparison.
            self._logger.info("Healthy", watched=self._resource.name, ids=list(remaining.ids))
        return Healing(remaining, tuple(changes))

    def _attempt(self, action: Callable[[], object], client: GenesysClient) -> str:
        """Return why an action failed, or an empty string.

        The action is interrupted after the client's deadline.
        """
        try:
            with time_limit(client.deadline.left() + _OVERRUN_SECONDS):
                action()
        except Exception as error:  # noqa: BLE001 - the watchdog still has to report
            reason = _explain(error, self._resource)
            return client.sanitize(reason, max_characters=_MAX_REASON_CHARACTERS)
        return ""

    def _deadline(self, seconds_before_timeout: float) -> Deadline:
        return Deadline.before_timeout(self._context, seconds_before_timeout)

    def _make_client(
        self, credentials: Credentials, seconds_before_timeout: float
    ) -> GenesysClient:
        client = self._resource.make_client(credentials, self._deadline(seconds_before_timeout))
        self._genesys_clients.append(client)
        return client


def _explain(error: BaseException, org: Org) -> str:
    """Explain an error without secrets; the message may quote Genesys Cloud."""
    match error:
        case CleanupFailed(__cause__=BaseException() as cause):
            return f"{_explain(cause, org)} The clean-up failed, too: what was created may remain."
        case UserFacingError():
            return str(error)
        case NotAsSpecified():
            return (
                f"The {org.noun} did not become active with the specified properties in time: "
                f"{error}. If it was new, it was removed."
            )
        case GenesysError():
            return " ".join(filter(None, [org.hint(error), f"{error}."]))
        case TimeoutError():
            return "No time was left."
    # An unforeseen error's message may hold a secret.
    return f"Unexpected {type(error).__name__}."
