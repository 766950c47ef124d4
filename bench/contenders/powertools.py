"""The usual consumers of a queue, built with Powertools for AWS Lambda."""

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from bench.contenders.ends import find_end, put_on_bus
from bench.world.invocation import Handler


def batch_processor() -> Handler:
    """Return a handler that decodes each record, and remembers nothing."""

    def handle(record: SQSRecord) -> None:
        json.loads(record.body)

    return make_handler(BatchProcessor(event_type=EventType.SQS), handle)


def idempotent_batch_processor(dynamodb: Any, eventbridge: Any | None = None) -> Handler:
    """Return a handler that processes each end once, and puts it on a bus if there is a client."""
    config = IdempotencyConfig(event_key_jmespath="[conversationId, queueId, eventTime]")
    store = DynamoDBPersistenceLayer(table_name="Idempotency", boto3_client=dynamodb)

    # Powertools does not annotate its decorator.
    @idempotent_function(  # type: ignore[untyped-decorator]
        data_keyword_argument="end", persistence_store=store, config=config
    )
    def handle_end(end: dict[str, Any], body: str) -> None:
        if eventbridge:
            put_on_bus(eventbridge, body)

    def handle(record: SQSRecord) -> None:
        if end := find_end(json.loads(record.body)):
            handle_end(end=end, body=record.body)

    handler = make_handler(BatchProcessor(event_type=EventType.SQS), handle)

    def registered(event: dict[str, Any], context: Any) -> Any:
        config.register_lambda_context(context)
        return handler(event, context)

    return registered


def make_handler(processor: BatchProcessor, handle: Callable[[Any], None]) -> Handler:
    """Return a handler that processes each record, and reports those that fail."""

    def handler(event: dict[str, Any], context: Any) -> Any:
        return process_partial_response(
            event=event, record_handler=handle, processor=processor, context=context
        )

    return handler
