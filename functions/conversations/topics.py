"""The topics of partner events (Genesys Cloud: "Amazon EventBridge integration").

The stack subscribes to these topics, the worker reads their events, and the offline world sends
such events. All three import this module, so it imports nothing itself.
"""

# An event's `detail-type` is this prefix and a topic. Genesys Cloud leaves `{id}` as it is.
TOPIC_PREFIX = "v2.detail.events.conversation.{id}."
CUSTOMER_END = "customer.end"
# The topics whose events have the id of a queue.
QUEUE_TOPICS = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
