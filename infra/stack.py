"""The stack that `cdk deploy` creates: a construct `QueueEnds`, and the stack's outputs."""

from collections.abc import Sequence

from aws_cdk import Stack
from constructs import Construct

from .packaging import Asset
from .queue_ends import WRAPPED_CONSTRUCT_ID, QueueEnds, all_tags
from .settings.settings import Settings


class QueueEndsStack(Stack):
    """All AWS resources of one stage; the template can be deployed to any account and region.

    Attributes
    ----------
    queue_ends
        The construct with the resources.
    """

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        asset: Asset | None = None,
        warnings: Sequence[str] | None = None,
    ) -> None:
        super().__init__(
            scope,
            settings.stack_name,
            description=f"Queue Ends, stage {settings.stage}: conversation ends in chosen queues",
            # These tag the stack itself. The construct tags its resources.
            tags=all_tags(settings),
        )
        self.queue_ends = QueueEnds(
            self, WRAPPED_CONSTRUCT_ID, settings=settings, asset=asset, warnings=warnings
        )
        self.queue_ends.add_outputs(self)
