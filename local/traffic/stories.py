"""Stories: functions that build complete conversations of various kinds."""

from collections.abc import Callable

from local.traffic.builder import MINUTE, SECOND, ConversationBuilder


def _answered(builder: ConversationBuilder) -> None:
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.arrive()
    builder.answer(queue_id, agent)
    builder.finish(queue_id, agent)


def _abandoned(builder: ConversationBuilder) -> None:
    queue_id = builder.pick_queue()
    builder.arrive()
    builder.abandon(queue_id)


def _transferred(builder: ConversationBuilder) -> None:
    """An agent transfers the customer to another queue; the next agent may transfer them back."""
    first = builder.pick_queue()
    second = builder.pick_queue(first)
    back = builder.rng.random() < 0.3
    builder.arrive()
    queue_ids = [first, second, first] if back else [first, second]
    legs = [(queue_id, builder.new_agent()) for queue_id in queue_ids]
    for queue_id, agent in legs[:-1]:
        builder.answer(queue_id, agent)
        builder.agent_leaves(queue_id, agent, builder.rng.choice(("TRANSFER", "CONSULT_TRANSFER")))
        if builder.rng.random() < 0.5:
            # After a transfer without a consultation, the customer has a new session.
            builder.customer_leaves("TRANSFER")
            builder.publish("customer.start")
    builder.answer(*legs[-1])
    builder.agent_leaves(*legs[-1])
    builder.customer_leaves()
    for queue_id, agent in builder.rng.sample(legs, len(legs)):
        builder.wrap_up(queue_id, agent)


def _flowed_out(builder: ConversationBuilder) -> None:
    """The customer has waited too long and is moved to another queue. There they give up or not."""
    first = builder.pick_queue()
    builder.arrive()
    builder.wait_in_queue(first, "FLOW_OUT")
    second, agent = builder.pick_queue(first), builder.new_agent()
    if builder.rng.random() < 0.5:
        builder.abandon(second)
    else:
        builder.answer(second, agent)
        builder.finish(second, agent)


def _requeued(builder: ConversationBuilder) -> None:
    """One or two agents do not answer. Then another agent does, or the customer gives up."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.arrive()
    for _ in range(builder.rng.randint(1, 2)):
        builder.wait_in_queue(queue_id, "ANSWERED")
        builder.ring_unanswered(queue_id, builder.new_agent())
    if builder.rng.random() < 0.3:
        builder.abandon(queue_id)
    else:
        builder.answer(queue_id, agent)
        builder.finish(queue_id, agent)


def _conference(builder: ConversationBuilder) -> None:
    """A second agent joins, from the same queue or another one. Later, both leave."""
    first = builder.pick_queue()
    second = first if builder.rng.random() < 0.4 else builder.pick_queue(first)
    one, other = builder.new_agent(), builder.new_agent()
    builder.arrive()
    builder.answer(first, one)
    builder.answer(second, other)
    if builder.rng.random() < 0.5:
        builder.customer_leaves("CONFERENCE_TRANSFER")
        builder.wait(10 * SECOND, 15 * MINUTE)
    builder.agent_leaves(first, one)
    builder.wait(0, 90 * SECOND)
    builder.agent_leaves(second, other)
    builder.customer_leaves()
    builder.wrap_up(first, one)
    builder.wrap_up(second, other)


def _callback(builder: ConversationBuilder) -> None:
    """The customer asks for a callback in one session and is called in another."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.media = "CALLBACK"
    builder.publish("customer.start", callbackNumbers=["+15555550100"])
    builder.answer(queue_id, agent)
    builder.media, builder.direction = "VOICE", "OUTBOUND"
    builder.publish("customer.start")
    builder.talk(queue_id, agent)
    builder.agent_leaves(queue_id, agent)
    builder.customer_leaves()
    builder.media, builder.direction = "CALLBACK", "INBOUND"
    # Some agents close the callback long after the call.
    builder.wait(0, builder.rng.choice((1, 1, 15)) * MINUTE)
    builder.finish(queue_id, agent)


def _email(builder: ConversationBuilder) -> None:
    """An agent works on an e-mail several times, each time with a start event and an end event."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.media = "EMAIL"
    builder.publish(
        "customer.start", addressTo="help@example.com", addressFrom="customer7@example.com"
    )
    builder.answer(queue_id, agent)
    builder.agent_leaves(queue_id, agent, "CLIENT")
    builder.wait(1 * SECOND, 60 * SECOND)
    builder.join(queue_id, agent)
    builder.wait(1 * SECOND, 60 * SECOND)
    builder.agent_leaves(queue_id, agent, "CLIENT")
    if builder.rng.random() < 0.5:
        builder.wait(20 * MINUTE, 40 * MINUTE)
        builder.join(queue_id, agent)
        builder.agent_leaves(queue_id, agent, "CLIENT")
    builder.customer_leaves()
    builder.wrap_up(queue_id, agent)


def _reopened(builder: ConversationBuilder) -> None:
    """A message conversation ends and is re-opened later, in the same queue or another one."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.media = "MESSAGE"
    builder.arrive()
    before = queue_id
    if builder.rng.random() < 0.3:
        # It may be re-opened in the queue from which it was transferred.
        queue_id = builder.pick_queue(before)
        builder.answer(before, agent)
        builder.agent_leaves(before, agent, "TRANSFER")
    builder.answer(queue_id, agent)
    builder.finish(queue_id, agent)
    for _ in range(builder.rng.randint(1, 2)):
        builder.wait(30 * MINUTE, 90 * MINUTE)
        next_queue = builder.rng.choice((before, queue_id, builder.pick_queue()))
        builder.publish("customer.start")
        builder.answer(next_queue, agent)
        builder.finish(next_queue, agent)


def _without_queue(builder: ConversationBuilder) -> None:
    """The customer calls an agent directly, who may transfer the call to a queue."""
    agent = builder.new_agent()
    builder.arrive()
    builder.talk(None, agent)
    if builder.rng.random() < 0.7:
        builder.agent_leaves(None, agent)
        builder.customer_leaves()
        return
    builder.agent_leaves(None, agent, "TRANSFER")
    queue_id, other = builder.pick_queue(), builder.new_agent()
    builder.answer(queue_id, other)
    builder.finish(queue_id, other)


def _callback_elsewhere(builder: ConversationBuilder) -> None:
    """The customer asks for a callback and hangs up. An agent of another queue calls back."""
    first, agent = builder.pick_queue(), builder.new_agent()
    second = builder.pick_queue(first)
    builder.media = "VOICE"
    builder.arrive()
    builder.wait_in_queue(first, "FLOW_OUT")
    if builder.rng.random() < 0.5:
        # The callback is in its queue before the caller hangs up.
        builder.media = "CALLBACK"
        builder.publish("acd.start", queueId=second)
        builder.media = "VOICE"
    builder.customer_leaves()
    builder.media = "CALLBACK"
    builder.publish("customer.start", callbackNumbers=["+15555550100"])
    builder.answer(second, agent)
    builder.finish(second, agent)


def _external_parties(builder: ConversationBuilder) -> None:
    """One or two experts join and leave before the customer. Each of them looks like a customer."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.media = "VOICE"
    builder.arrive()
    builder.answer(queue_id, agent)
    for _ in range(builder.rng.randint(1, 2)):
        builder.publish("customer.start")
        builder.wait(10 * SECOND, 15 * MINUTE)
        builder.customer_leaves("PEER")
    builder.wait(10 * SECOND, 15 * MINUTE)
    builder.finish(queue_id, agent)


def _without_talk_time(builder: ConversationBuilder) -> None:
    """Genesys Cloud leaves out the durations of the agent's leg."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.arrive()
    builder.answer(queue_id, agent)
    builder.agent_leaves(queue_id, agent, talk_time=False)
    builder.customer_leaves()
    builder.wrap_up(queue_id, agent)


def _reopened_by_bot(builder: ConversationBuilder) -> None:
    """A message conversation ends, is re-opened later, and a bot answers."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.media = "MESSAGE"
    builder.arrive()
    builder.answer(queue_id, agent)
    builder.finish(queue_id, agent)
    builder.wait(30 * MINUTE, 90 * MINUTE)
    builder.publish("customer.start")
    builder.customer_leaves()


def _back_soon(builder: ConversationBuilder) -> None:
    """The customer comes back once or twice after some minutes, to any queue, and may give up."""
    queue_id, agent = builder.pick_queue(), builder.new_agent()
    builder.media = "MESSAGE"
    builder.arrive()
    builder.answer(queue_id, agent)
    builder.agent_leaves(queue_id, agent, "CLIENT")
    builder.customer_leaves()
    for _ in range(builder.rng.randint(1, 2)):
        builder.wait(30 * SECOND, 8 * MINUTE)
        builder.publish("customer.start")
        next_queue = builder.rng.choice((queue_id, builder.pick_queue()))
        if builder.rng.random() < 0.6:
            builder.abandon(next_queue)
        else:
            builder.answer(next_queue, agent)
            builder.finish(next_queue, agent)


STORIES: dict[str, tuple[int, Callable[[ConversationBuilder], None]]] = {
    "answered": (22, _answered),
    "abandoned": (10, _abandoned),
    "transferred": (14, _transferred),
    "flowed out": (4, _flowed_out),
    "requeued": (8, _requeued),
    "conference": (5, _conference),
    "callback": (6, _callback),
    "e-mail": (6, _email),
    "re-opened": (6, _reopened),
    "without a queue": (5, _without_queue),
    "callback elsewhere": (3, _callback_elsewhere),
    "external parties": (3, _external_parties),
    "without a talk time": (3, _without_talk_time),
    "re-opened by a bot": (2, _reopened_by_bot),
    "back soon": (3, _back_soon),
}
"""Keyed by name: a story's frequency in percent, and its function."""
