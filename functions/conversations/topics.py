"""The topics of partner events.

See "Amazon EventBridge integration" in the Genesys Cloud documentation.

The stack subscribes to these topics, the worker reads their events, and the offline world sends
such events. All three import this module, so it imports nothing itself.
"""

# An event's `detail-type` is this prefix followed by a topic. It really contains `{id}`: Genesys
# Cloud does not replace this with the conversation id.
TOPIC_PREFIX = "v2.detail.events.conversation.{id}."
CUSTOMER_END = "customer.end"
# The topics whose events have a queue id.
QUEUE_TOPICS = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
