"""Powertools' batch processor with its parser: pydantic checks each record and its body."""

from datetime import datetime

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.parser.models import SqsRecordModel
from pydantic import BaseModel, Json

from bench.contenders.powertools import make_handler
from bench.world.invocation import Handler


class EndAttributes(BaseModel):
    """The attributes that an end must have."""

    conversationId: str  # noqa: N815 - Genesys Cloud's name
    queueId: str  # noqa: N815 - Genesys Cloud's name


class EndEvent(BaseModel):
    """The event of a conversation's end."""

    eventType: str  # noqa: N815 - Genesys Cloud's name
    eventTime: datetime  # noqa: N815 - Genesys Cloud's name
    attributes: EndAttributes


class EndRecord(SqsRecordModel):
    """A record whose body is the event of an end."""

    body: Json[EndEvent]


def parsing_batch_processor() -> Handler:
    """Return a handler that parses each record, and remembers nothing."""
    processor = BatchProcessor(event_type=EventType.SQS, model=EndRecord)
    return make_handler(processor, lambda record: None)
