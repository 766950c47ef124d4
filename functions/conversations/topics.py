"""The topics of partner events.

See "Amazon EventBridge integration" in the Genesys Cloud documentation.

The integration in Genesys Cloud sends events of these topics, and the worker parses the events.
The worker, `infra/` and the simulated Genesys Cloud in `local/` import this module.
"""

# An event's `detail-type` is this prefix followed by a topic. The prefix literally contains `{id}`,
# because Genesys Cloud does not replace it with a conversation id.
TOPIC_PREFIX = "v2.detail.events.conversation.{id}."
CUSTOMER_END = "customer.end"
# The topics whose events can have a queue id.
QUEUE_TOPICS = ("acd.start", "acd.end", "user.start", "user.end", "acw", "wrapup")
# Of these, the topics of an agent's work after the conversation. They show no stay in the queue.
AFTER_CALL_TOPICS = ("acw", "wrapup")
