"""The parts of a stack that alarms and the dashboard watch."""

from dataclasses import dataclass

from infra.delivery.eventbridge import EventSource
from infra.delivery.subscription import Subscription
from infra.intake import Intake
from infra.ledger import Ledger
from infra.watchdog import Watchdog
from infra.worker import Worker


@dataclass(frozen=True, slots=True)
class Watched:
    """What there is to watch; `source` is where events come from, `watchdog` None where it is off.

    An `EventSource` has parts of its own to watch, a `Subscription` none.
    """

    intake: Intake
    ledger: Ledger
    worker: Worker
    source: Subscription | EventSource
    watchdog: Watchdog | None
