"""The metrics that AWS emits of its own accord, with exactly the dimensions that each comes with.

Only of services that the stack uses, and only dimensions that it could name. Sources: AWS Lambda
Developer Guide, "Types of metrics for Lambda functions" and "Event source mapping metrics"; Amazon
SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS"; Amazon DynamoDB Developer Guide,
"DynamoDB metrics and dimensions"; Amazon EventBridge User Guide, "Monitoring Amazon EventBridge".
"""

from collections.abc import Collection

_NAMES = {
    ("AWS/Lambda", ("FunctionName",)): """
        Invocations Errors Throttles Duration ConcurrentExecutions DeadLetterErrors
        DestinationDeliveryFailures RecursiveInvocationsDropped AsyncEventsReceived AsyncEventAge
        AsyncEventsDropped""",
    ("AWS/Lambda", ("EventSourceMappingUUID",)): """
        PolledEventCount FilteredOutEventCount InvokedEventCount FailedInvokeEventCount
        DroppedEventCount OnFailureDestinationDeliveredEventCount DeletedEventCount""",
    ("AWS/SQS", ("QueueName",)): """
        ApproximateAgeOfOldestMessage ApproximateNumberOfMessagesDelayed
        ApproximateNumberOfMessagesNotVisible ApproximateNumberOfMessagesVisible
        NumberOfEmptyReceives NumberOfMessagesDeleted NumberOfMessagesReceived NumberOfMessagesSent
        SentMessageSize""",
    ("AWS/DynamoDB", ("TableName",)): """
        ConsumedReadCapacityUnits ConsumedWriteCapacityUnits ReadThrottleEvents WriteThrottleEvents
        ConditionalCheckFailedRequests TransactionConflict TimeToLiveDeletedItemCount""",
    ("AWS/DynamoDB", ("Operation", "TableName")): """
        SuccessfulRequestLatency SystemErrors ThrottledRequests ReturnedItemCount""",
    ("AWS/Events", ("EventBusName", "RuleName")): """
        Invocations FailedInvocations TriggeredRules MatchedEvents ThrottledRules
        InvocationsSentToDlq InvocationsFailedToBeSentToDlq""",
}
_EMITTED = {
    (namespace, name, dimensions)
    for (namespace, dimensions), names in _NAMES.items()
    for name in names.split()
}


def emits(namespace: str, name: str, dimensions: Collection[str]) -> bool:
    """Tell whether AWS emits a metric with these dimensions, given by their names."""
    return (namespace, name, tuple(sorted(dimensions))) in _EMITTED
