"""The topics of a conversation's events (Genesys Cloud: "Amazon EventBridge integration").

They stand here alone: the stack subscribes to them, the worker reads them, the offline world sends
them. Nothing is imported, so that all three can read them.
"""

# An event's detail-type is its topic's template, with `{id}` as it stands here.
TOPIC_PREFIX = "v2.detail.events.conversation.{id}."
CUSTOMER_END = "customer.end"
# The topics whose events name a queue.
QUEUE_TOPICS = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
