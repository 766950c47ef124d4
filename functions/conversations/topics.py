"""The topics of a conversation's events (Genesys Cloud: "Amazon EventBridge integration").

The stack subscribes to them, the worker reads them, and the offline world sends them. This module
imports nothing, so that all three can import it.
"""

# An event's detail-type is the template of its topic, with `{id}` left as it is.
TOPIC_PREFIX = "v2.detail.events.conversation.{id}."
CUSTOMER_END = "customer.end"
# The topics whose events name a queue.
QUEUE_TOPICS = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
