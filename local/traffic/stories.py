"""What can happen in a conversation, from its beginning to its end."""

from collections.abc import Callable

from local.traffic.telling import MINUTE, SECOND, Telling


def _answered(told: Telling) -> None:
    queue_id, agent = told.queue(), told.agent()
    told.opening()
    told.answered(queue_id, agent)
    told.ended(queue_id, agent)


def _abandoned(told: Telling) -> None:
    queue_id = told.queue()
    told.opening()
    told.abandoned(queue_id)


def _transferred(told: Telling) -> None:
    """From one queue to another, of ours or of others; perhaps back again."""
    first = told.queue()
    second = told.queue(first)
    back = told.rng.random() < 0.3
    told.opening()
    legs = [(queue_id, told.agent()) for queue_id in (first, second, *([first] if back else []))]
    for queue_id, agent in legs[:-1]:
        told.answered(queue_id, agent)
        told.released(queue_id, agent, told.rng.choice(("TRANSFER", "CONSULT_TRANSFER")))
        if told.rng.random() < 0.5:
            # The customer of a transfer without consultation is another session afterwards.
            told.left("TRANSFER")
            told.tell("customer.start")
    told.answered(*legs[-1])
    told.released(*legs[-1])
    told.left()
    for queue_id, agent in told.rng.sample(legs, len(legs)):
        told.after(queue_id, agent)


def _flowed_out(told: Telling) -> None:
    """From a queue where it took too long to another one, and given up there or answered."""
    first = told.queue()
    told.opening()
    told.queued(first, "FLOW_OUT")
    second, agent = told.queue(first), told.agent()
    if told.rng.random() < 0.5:
        told.abandoned(second)
    else:
        told.answered(second, agent)
        told.ended(second, agent)


def _requeued(told: Telling) -> None:
    """Offered to agents who do not answer, and back in the queue; then answered, or given up."""
    queue_id, agent = told.queue(), told.agent()
    told.opening()
    for _ in range(told.rng.randint(1, 2)):
        told.queued(queue_id, "ANSWERED")
        told.unanswered(queue_id, told.agent())
    if told.rng.random() < 0.3:
        told.abandoned(queue_id)
    else:
        told.answered(queue_id, agent)
        told.ended(queue_id, agent)


def _conference(told: Telling) -> None:
    """A second agent, of the same queue or another one, joins; both leave shortly after."""
    first = told.queue()
    second = first if told.rng.random() < 0.4 else told.queue(first)
    one, other = told.agent(), told.agent()
    told.opening()
    told.answered(first, one)
    told.answered(second, other)
    if told.rng.random() < 0.5:
        told.left("CONFERENCE_TRANSFER")
        told.wait(10 * SECOND, 15 * MINUTE)
    told.released(first, one)
    told.wait(0, 90 * SECOND)
    told.released(second, other)
    told.left()
    told.after(first, one)
    told.after(second, other)


def _callback(told: Telling) -> None:
    """The customer is called back: a session that asks for it, then a call of its own."""
    queue_id, agent = told.queue(), told.agent()
    told.media = "CALLBACK"
    told.tell("customer.start", callbackNumbers=["+15555550100"])
    told.answered(queue_id, agent)
    told.media, told.direction = "VOICE", "OUTBOUND"
    told.tell("customer.start")
    told.talk(queueId=queue_id, userId=agent)
    told.released(queue_id, agent)
    told.left()
    told.media, told.direction = "CALLBACK", "INBOUND"
    told.wait(0, 60 * SECOND)
    told.ended(queue_id, agent)


def _email(told: Telling) -> None:
    """An e-mail that an agent works at in several actions, each with a start and an end."""
    queue_id, agent = told.queue(), told.agent()
    told.media = "EMAIL"
    told.tell("customer.start", addressTo="help@example.com", addressFrom="customer7@example.com")
    told.answered(queue_id, agent)
    told.released(queue_id, agent, "CLIENT")
    told.wait(1 * SECOND, 60 * SECOND)
    told.tell("user.start", queueId=queue_id, userId=agent)
    told.released(queue_id, agent, "CLIENT")
    if told.rng.random() < 0.5:
        told.wait(20 * MINUTE, 40 * MINUTE)
        told.tell("user.start", queueId=queue_id, userId=agent)
        told.released(queue_id, agent, "CLIENT")
    told.left()
    told.after(queue_id, agent)


def _reopened(told: Telling) -> None:
    """A message conversation that ends, and goes on an hour or so later: there or elsewhere."""
    queue_id, agent = told.queue(), told.agent()
    told.media = "MESSAGE"
    told.opening()
    before = queue_id
    if told.rng.random() < 0.3:
        # What it was transferred from before may be what it comes back to.
        queue_id = told.queue(before)
        told.answered(before, agent)
        told.released(before, agent, "TRANSFER")
    told.answered(queue_id, agent)
    told.ended(queue_id, agent)
    for _ in range(told.rng.randint(1, 2)):
        told.wait(30 * MINUTE, 90 * MINUTE)
        again = told.rng.choice((before, queue_id, told.queue()))
        told.tell("customer.start")
        told.answered(again, agent)
        told.ended(again, agent)


def _without_queue(told: Telling) -> None:
    """A call straight to an agent, perhaps handed on to a queue."""
    agent = told.agent()
    told.opening()
    told.talk(userId=agent)
    if told.rng.random() < 0.7:
        told.released(None, agent)
        told.left()
        return
    told.released(None, agent, "TRANSFER")
    queue_id, other = told.queue(), told.agent()
    told.answered(queue_id, other)
    told.ended(queue_id, other)


STORIES: dict[str, tuple[int, Callable[[Telling], None]]] = {
    "answered": (36, _answered),
    "abandoned": (10, _abandoned),
    "transferred": (14, _transferred),
    "flowed out": (4, _flowed_out),
    "requeued": (8, _requeued),
    "conference": (5, _conference),
    "callback": (6, _callback),
    "e-mail": (6, _email),
    "re-opened": (6, _reopened),
    "without a queue": (5, _without_queue),
}
"""What can happen in a conversation: how often of a hundred, and how it is told."""
