"""The worker: batches with mutated messages, of which every one must be accounted for."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import boto3
import pytest

import destinations.actions
from conversations.end import ConversationEnd
from local.http.messages import Answer, Request
from tests import bodies, partner_events
from tests.bodies import CANARY, OTHER_QUEUE, QUEUE
from tests.fakes.aws.dynamodb import FakeDynamoDb
from tests.fakes.aws.eventbridge import BUS, FakeEventBridge
from tests.fakes.aws.firehose import STREAM, FakeFirehose
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.aws.sqs import can_hold
from tests.fakes.aws.sqs_event import record, text
from tests.fakes.clock import Alarm, Clock
from tests.fakes.details import analytics_conversation, conversation_id
from tests.fakes.entry_points import WORKER, imported_anew
from tests.fakes.partner_worker import DelayingSqs
from tests.fakes.webhook_receiver import SECRET as WEBHOOK_SECRET
from tests.fuzz.mutation import ODD_CHARACTERS, Mutator
from tests.fuzz.output import Output
from tests.fuzz.target import Case, Finding, check
from tests.fuzz.transport import answered_by
from tests.fuzz.webhook_server import WebhookServer

RULES = ("touched", "last_queue", "queue_leg")
OUR_QUEUES = (QUEUE, "second-queue")
INPUTS_PER_CASE = 8
# The worker's own messages come back so often at most.
_MAX_ROUNDS = 4
_KINDS = ("processed", "duplicate", "ignored", "rejected", "failed")
_SENT_BY_OURSELVES = "queueEndsDelayedEnd"
_VERY_LONG_NUMBER = re.compile(r"\d{4301}")
_CLIENT_SECRET = "Sx7-canary-of-the-client"
_TOKEN = "tk-canary-0f-the-login"
_SECRETS = (_CLIENT_SECRET, _TOKEN, WEBHOOK_SECRET.removeprefix("whsec_"))
_DELAYED = {
    _SENT_BY_OURSELVES: {
        **{"attempts": 1, "conversationId": "c-delayed", "queueId": QUEUE},
        **{"endedAtMs": 1_795_428_000_000, "hasOwnTime": True, "source": "subscription"},
        **{"event": {"a": 1}, "queueName": "Support", "participants": [], "metrics": []},
    }
}


class Current:
    """A client that passes its calls on to a fake, which each case replaces."""

    def __init__(self) -> None:
        self.fake: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.fake, name)


class WorkerTarget:
    """The worker's handler, with one delivery and end rule.

    Parameters
    ----------
    rule
        The end rule; empty for the delivery `subscription`.
    """

    inputs_per_case = INPUTS_PER_CASE

    def __init__(self, rule: str, patch: pytest.MonkeyPatch) -> None:
        self._rule = rule
        self._samples = _samples(rule)
        self._output = Output()
        self._services = {name: Current() for name in ("sqs", "dynamodb", "events", "firehose")}
        self._services["secretsmanager"] = Current()
        self._acted: list[ConversationEnd] = []
        self._refusals = 0
        self._webhook = WebhookServer()
        Alarm(Clock(), patch)  # The real alarm would interrupt a slow machine.
        act = destinations.actions.on_conversation_end

        def acting(end: ConversationEnd) -> None:
            self._acted.append(end)
            act(end)
            # As a user's action may do, although it should not.
            if CANARY not in str(end.queue_name):
                destinations.actions.logger.info("Seen", queue_name=end.queue_name)

        patch.setattr(destinations.actions, "on_conversation_end", acting)
        with self._output.taken():
            self._workers = {
                details: self._imported(details, patch) for details in ("none", "analytics")
            }

    def make(self, mutator: Mutator, kept: Sequence[Case]) -> Case:
        mutator = Mutator(mutator.random, [*OUR_QUEUES, OTHER_QUEUE, "c-0", *_TELLING])
        seed = mutator.choice(kept)["records"] if kept and mutator.chance(0.3) else []
        records = [self._mutated_record(mutator, number, seed) for number in range(INPUTS_PER_CASE)]
        return {
            "details": "analytics" if mutator.chance(0.15) else "none",
            # Analytics answer with a mutated conversation, or with none.
            "answer": mutator.value(analytics_conversation(conversation_id(1)), raw=False),
            "records": records,
            # Whether the batch comes a second time, as SQS may deliver it.
            "comes_again": mutator.chance(0.3),
            # Where in the batch the sound neighbours stand.
            "places": [mutator.below(len(records) + 1) for _ in self._sound_records()],
        }

    def _mutated_record(self, mutator: Mutator, number: int, seed: list[Any]) -> Any:
        if seed and mutator.chance(0.4):
            former = mutator.choice(seed)
            body = former.get("body") if isinstance(former, dict) else ""
            body = body if isinstance(body, str) else ""
        else:
            body = mutator.choice(self._samples)
        made = record(mutator.json_text(body), f"m-{number}")
        if mutator.chance(0.1):
            names = ["own", "reason", "détail", "aws.x", "a" * 300, *ODD_CHARACTERS]
            made["messageAttributes"] = {
                mutator.choice(names): mutator.value(text("v" * 9), raw=False)
                for _ in range(mutator.below(12))
            }
        if mutator.chance(0.05):
            return mutator.value(made, raw=False)
        return made

    def _sound_records(self) -> list[dict[str, Any]]:
        """Return the records of an end that must reach every destination."""
        if not self._rule:
            return [record(bodies.end("sound"), "sound-1")]
        if self._rule == "queue_leg":
            body = partner_events.event("user.end", QUEUE, conversation_id="sound")
            return [record(body, "sound-1")]
        return [
            record(
                partner_events.event("acd.end", QUEUE, conversation_id="sound", after=-9), "sound-1"
            ),
            record(partner_events.event("customer.end", conversation_id="sound"), "sound-2"),
        ]

    def run(self, case: Case) -> str:
        # Another target in this process may have replaced the clients.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boto3, "client", lambda service, **_: self._services[service])
            return self._run(case)

    def _run(self, case: Case) -> str:
        self._begin()
        module = self._workers[case["details"]]

        def respond(_: str, request: Request) -> Answer:
            if request.path == "/oauth/token":
                return Answer(200, {"access_token": _TOKEN, "expires_in": 86_400})
            return Answer(200, {"conversations": [case["answer"]]})

        signatures = []
        records = [*case["records"]]
        for place, sound in zip(case["places"], self._sound_records(), strict=True):
            records.insert(place, sound)
        batch = records
        with self._output.taken(), answered_by(respond):
            for round_number in range(_MAX_ROUNDS):
                signatures.append(self._run_batch(module, records, is_first=round_number == 0))
                sqs = self._services["sqs"].fake
                sent, sqs.delayed = sqs.delayed, []
                records = [
                    record(entry["MessageBody"], f"d-{round_number}-{number}")
                    for number, entry in enumerate(sent)
                ]
                if not records:
                    break
            check(not records, "messages to itself without an end", len(records))
            if case["comes_again"]:
                signatures.append(self._run_batch(module, batch, is_first=False))
        self._check_deliveries()
        return " / ".join(signatures)

    def _begin(self) -> None:
        self._services["sqs"].fake = DelayingSqs()
        self._services["dynamodb"].fake = FakeDynamoDb()
        self._services["events"].fake = FakeEventBridge()
        self._services["firehose"].fake = FakeFirehose()
        login = json.dumps({"client_id": "client", "client_secret": _CLIENT_SECRET})
        self._services["secretsmanager"].fake = FakeSecrets(
            **{"queue-ends/genesys": login, "webhook-key": WEBHOOK_SECRET}
        )
        self._acted.clear()
        self._refusals = 0
        self._webhook.received.clear()

    def _imported(self, details: str, patch: pytest.MonkeyPatch) -> ModuleType:
        environment = WORKER | {
            "DESTINATIONS": "actions,bus,webhook,archive",
            "ENDS_BUS": BUS,
            "ARCHIVE_STREAM": STREAM,
            "WEBHOOK_URL": self._webhook.url,
            "WEBHOOK_SECRET": "webhook-key",
            "DELIVERY": "eventbridge" if self._rule else "subscription",
            "END_RULE": self._rule or "touched",
            "SETTLE_SECONDS": "60",
            "DETAILS": details,
            "GENESYS_LOGIN_URL": "http://127.0.0.1:1",
            "GENESYS_API_URL": "http://127.0.0.1:1",
            "GENESYS_SECRET": "queue-ends/genesys",
        }
        return imported_anew("worker", self._services, environment, patch)

    def _run_batch(self, module: ModuleType, records: Sequence[Any], *, is_first: bool) -> str:
        """Run a batch and return its signature, after a look at its response and output."""
        sqs = self._services["sqs"].fake
        dead_before, deleted_before = len(sqs.dead), len(sqs.deleted)
        self._output.clear()
        response = module.handler({"Records": records}, Clock().invocation(30))
        lines = self._output.checked_lines(_secrets_of(records))

        failed = _failed_ids(response)
        ids = [_id_of(each) for each in records]
        check({*failed} <= {*ids}, "an id in the response that is not in the batch", failed)
        batch = next((line for line in lines if line["message"] == "Batch"), None)
        if batch is None:
            raise Finding("no line for the batch", lines)
        reasons: Any = batch.get("reasons", {})
        # A refused message whose body SQS does not take stays in the intake queue.
        for reason in ("rejected.destination_refused", "failed.dead_letter_queue"):
            self._refusals += reasons.get(reason, 0)
        kinds = {kind: int(str(batch.get(kind, 0))) for kind in _KINDS}
        identified = [id_ for id_ in ids if id_]
        check(
            len(identified) <= sum(kinds.values()) <= len(records),
            "a message without an outcome, or with two",
            (kinds, len(records)),
        )
        self._check_dead_letters(records, sqs.dead[dead_before:], failed, kinds["rejected"])
        deleted = sqs.deleted[deleted_before:]
        check(len(deleted) <= kinds["rejected"], "a message was deleted without a copy", deleted)
        check({*reasons} <= _REASONS, "an unknown reason", reasons)
        if is_first:
            check("sound-1" not in failed, "a sound neighbour failed", reasons)
            check("sound-2" not in failed, "a sound neighbour failed", reasons)
            self._check_expected(records, reasons)
        check(not self._services["dynamodb"].fake.refused, "DynamoDB refused a call")
        kinds_in_words = "".join(kind[0] for kind, count in kinds.items() if count)
        return f"{kinds_in_words} {','.join(sorted(reasons))}"

    def _check_dead_letters(
        self,
        records: Sequence[Any],
        dead: Sequence[Mapping[str, Any]],
        failed: Sequence[str],
        rejected_count: int,
    ) -> None:
        """Look at the copies of the messages that were rejected."""
        sources = [_source_of(entry) for entry in dead]
        check(
            len(sources) == rejected_count,
            "a rejected message is not in the dead-letter queue",
            sources,
        )
        if all(map(_is_plain, records)):
            ids = {_id_of(each) for each in records}
            check({*sources} <= ids, "a message is rejected under another id", sources)
        check(not {"sound-1", "sound-2"} & {*sources}, "a sound neighbour was rejected", sources)
        check(
            not {*filter(None, sources)} & {*failed},
            "a message is both rejected and failed",
            sources,
        )
        sent_bodies = [_body_of(each) for each in records]
        check(
            all(entry["MessageBody"] in sent_bodies for entry in dead),
            "a body changed on its way",
            sources,
        )

    def _check_expected(self, records: Sequence[Any], reasons: Mapping[str, int]) -> None:
        """Compare the rejected messages with what the contract says of each."""
        if any(not _is_plain(each) for each in records):
            return
        expected = partner_events.expected if self._rule else bodies.expected
        counts: Counter[str] = Counter()
        for each in records:
            body = each["body"]
            if body.startswith('{"' + _SENT_BY_OURSELVES) or _is_beyond_json_loads(body):
                return
            kind, reason = expected(body, OUR_QUEUES)
            if reason == "missing_event_type" and self._rule:
                kind, reason = bodies.expected(body, OUR_QUEUES)
            if kind == "rejected":
                counts[reason if can_hold(body) else "cannot be held"] += 1
        counts.pop("cannot be held", None)
        rejected = {
            name.partition(".")[2]: count
            for name, count in reasons.items()
            if name.startswith("rejected.") and name != "rejected.destination_refused"
        }
        check(rejected == counts, "rejected other than by the contract", (rejected, dict(counts)))

    def _check_deliveries(self) -> None:
        """Each end is delivered once, to every destination, and all destinations get the same."""
        bus = [json.loads(entry["Detail"]) for entry in self._services["events"].fake.taken]
        archive = [json.loads(taken["Data"]) for taken in self._services["firehose"].fake.taken]
        webhook = [json.loads(body)["data"] for _, body in self._webhook.received]
        acted = [json.loads(end.as_json()) for end in self._acted]
        by_destination = {"actions": acted, "bus": bus, "webhook": webhook, "archive": archive}
        by_id = {
            name: {each["end_id"]: each for each in got} for name, got in by_destination.items()
        }
        for name, got in by_destination.items():
            check(len(by_id[name]) == len(got), f"an end went twice to {name}")
            check(
                any(each["conversation_id"] == "sound" for each in got),
                f"a sound end did not reach {name}",
            )
        for name in ("archive", "webhook"):
            check(by_id[name] == by_id["actions"], f"{name} and actions got different ends")
        if self._refusals:
            # EventBridge takes no integers beyond 64 bits. Another message may report the end
            # without them, and only the bus, which lacks it, then gets the end from that message.
            unknown = by_id["bus"].keys() - by_id["actions"].keys()
            check(not unknown, "an end went to the bus alone", unknown)
        else:
            check(by_id["bus"] == by_id["actions"], "bus and actions got different ends")


_REASONS = {
    *(f"ignored.{r}" for r in ("other_event_type", "other_queue", "noted", "awaiting_details")),
    *(f"rejected.{r}" for r in ("empty_body", "not_json", "not_an_object", "missing_event_type")),
    *("rejected.missing_conversation_id", "rejected.missing_queue_id", "rejected.invalid_field"),
    *("rejected.destination_refused", "failed.dead_letter_queue"),
}
"""The reasons that occur where no service fails and time does not pass."""
_TELLING = [*bodies.TELLING, *(partner_events.PREFIX + topic for topic in partner_events.TOPICS)]
_TELLING += [partner_events.SETTLE, "TRANSFER", 1_795_428_000_000, 253_402_300_800_000]


def _samples(rule: str) -> list[str]:
    """Return sound messages, without personal data but the canary."""
    subscription = [
        bodies.SAMPLE_TEXT,
        bodies.end("c-0", name=CANARY),
        bodies.end("c-1", after=None),
    ]
    delayed = json.dumps(_DELAYED, separators=(",", ":"))
    if not rule:
        return [*subscription * 3, delayed]
    ours = [
        partner_events.event(topic, QUEUE if topic != "customer.end" else None, conversation_id=id_)
        for topic, id_ in itertools.product(partner_events.TOPICS, ("c-0", "c-1"))
    ]
    return [
        *partner_events.SAMPLES.values(),
        *ours,
        partner_events.settle(),
        delayed,
        subscription[1],
    ]


def _failed_ids(response: Any) -> list[str]:
    response = json.loads(json.dumps(response))
    check(
        isinstance(response, dict) and [*response] == ["batchItemFailures"],
        "the response's form",
        response,
    )
    ids = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    check(all(isinstance(id_, str) and id_ for id_ in ids), "an id in the response is no text", ids)
    check(len({*ids}) == len(ids), "an id is twice in the response", ids)
    return ids


def _source_of(entry: Mapping[str, Any]) -> str:
    """Return the id of a message in the dead-letter queue; empty if it came without one."""
    source = entry["MessageAttributes"].get("source_message_id")
    return source["StringValue"] if source else ""


def _id_of(each: Any) -> str:
    """Return a record's message id; empty if it has none that Lambda could be told."""
    id_ = each.get("messageId") if isinstance(each, dict) else None
    return id_ if isinstance(id_, str) else ""


def _body_of(each: Any) -> Any:
    return each.get("body") if isinstance(each, dict) else None


def _is_beyond_json_loads(body: str) -> bool:
    """Return whether the oracle's reader gives up: on long numbers, or on nesting, by its stack."""
    return bool(_VERY_LONG_NUMBER.search(body)) or body.count("[") + body.count("{") > 150


def _is_plain(each: Any) -> bool:
    """Return whether a record is as SQS makes it, but for its body."""
    plain = record("", "")
    return (
        isinstance(each, dict)
        and {*each} == {*plain}
        and all(isinstance(each[key], str) and each[key] for key in ("messageId", "receiptHandle"))
        and each["messageId"].isascii()
        and each["messageId"].isprintable()
        and isinstance(each["body"], str)
        and each["attributes"] == plain["attributes"]
        and not each["messageAttributes"]
    )


def _secrets_of(records: Sequence[Any]) -> tuple[str, ...]:
    """Return the texts that the log must not hold: the canary only where no id may have it."""
    if CANARY in json.dumps([_id_of(each) for each in records]):
        return _SECRETS
    for each in records:
        body = _body_of(each)
        if not isinstance(body, str) or CANARY not in body:
            continue
        try:
            ids = _conversation_ids(json.loads(body))
        except (ValueError, RecursionError):
            continue
        if any(CANARY in id_ for id_ in ids):
            return _SECRETS
    return (*_SECRETS, CANARY)


def _conversation_ids(value: Any) -> list[str]:
    """Return the texts in all fields that may be taken for a conversation's id or a queue's."""
    if isinstance(value, dict):
        own = [
            str(member)
            for key, member in value.items()
            if key in ("conversationId", "queueId", "queue", "id")
        ]
        return own + [id_ for member in value.values() for id_ in _conversation_ids(member)]
    if isinstance(value, list):
        return [id_ for member in value for id_ in _conversation_ids(member)]
    return []
