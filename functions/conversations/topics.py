"""The topics of partner events.

See "Amazon EventBridge integration" in the Genesys Cloud documentation.

The stack subscribes to these topics, the worker parses their events, and the simulated Genesys
Cloud in `local/` sends their events. All three import this module, which therefore imports nothing.
"""

# An event's `detail-type` is this prefix followed by a topic. The prefix literally contains `{id}`,
# because Genesys Cloud does not replace it with a conversation id.
TOPIC_PREFIX = "v2.detail.events.conversation.{id}."
CUSTOMER_END = "customer.end"
# The topics whose events have a queue id.
QUEUE_TOPICS = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
