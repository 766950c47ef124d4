"""The parts of a stack that alarms and the dashboard watch."""

from dataclasses import dataclass

from infra.delivery.eventbridge import EventBridgeSource
from infra.delivery.subscription import SubscriptionSource
from infra.intake_queues import IntakeQueues
from infra.ledger import Ledger
from infra.watchdog import Watchdog
from infra.worker import Worker


@dataclass(frozen=True, slots=True)
class MonitoredResources:
    """What there is to watch; `source` is where events come from, `watchdog` None where it is off.

    An `EventBridgeSource` has parts of its own to watch, a `SubscriptionSource` none.
    """

    intake: IntakeQueues
    ledger: Ledger
    worker: Worker
    source: SubscriptionSource | EventBridgeSource
    watchdog: Watchdog | None
