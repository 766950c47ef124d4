"""The alarms' notifications, texts, and sections in the runbook."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.infra.monitoring.alarms import alarms_of, condition_of, description_of
from tests.infra.stacks import Stack, allow_statement, deny_without_tls

RUNBOOK = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)+)", RUNBOOK, re.MULTILINE))
MISSING = {"notBreaching": "good", "breaching": "bad", "missing": "unknown"}


def test_each_alarm_tells_the_topic_when_it_goes_on_and_when_it_goes_off(
    stack: Stack, eventbridge: Stack
) -> None:
    for synthesised in (stack, eventbridge):
        topic = [synthesised.ref("Monitoring/Alarms/Topic")]
        summary = synthesised.properties("Monitoring/Alarms/health")
        for alarm_id, alarm in {**alarms_of(synthesised), "health": summary}.items():
            assert alarm["AlarmActions"] == alarm["OKActions"] == topic
            assert alarm.get("ActionsEnabled", True) is True
            # Without values from the watchdog, nobody knows whether the subscription is healthy.
            unknown = topic if alarm_id == "subscription-unhealthy" else None
            assert alarm.get("InsufficientDataActions") == unknown


def test_each_alarm_says_what_it_means_what_to_do_first_and_where_to_read_on(
    stack: Stack, eventbridge: Stack, tuned: Stack, many_queues: Stack
) -> None:
    for synthesised, runbook in (
        (stack, "docs/runbook.md"),
        (eventbridge, "docs/runbook.md"),
        (many_queues, "https://git.example.com/queue-ends/docs/runbook.md"),
        (tuned, "https://example.com/docs/runbook.md"),
    ):
        summary = synthesised.properties("Monitoring/Alarms/health")
        for alarm_id, alarm in {**alarms_of(synthesised), "health": summary}.items():
            text = description_of(alarm)
            found = re.fullmatch(r"([A-Z].{30,}\.)\nFirst: ([a-z].{20,}\.)\nRunbook: (\S+)", text)
            assert found, text
            link, _, anchor = found[3].partition("#")
            assert link == runbook
            assert anchor in SECTIONS
            assert anchor == alarm_id or anchor in {"rule-failed", "ledger-throttled"}
            # CloudWatch takes 1024 characters; this leaves room for the URL of a runbook.
            assert len(text) - len(link) <= 600


def test_the_alarm_about_silence_names_three_queues_and_counts_the_others(
    stack_with: Callable[..., Stack], tuned: Stack
) -> None:
    def named(synthesised: Stack) -> str:
        resource = synthesised.ids["Subscription/QueueNames/Default"]
        parts = alarms_of(synthesised)["silence"]["AlarmDescription"]["Fn::Join"][1]
        split = {"Fn::Split": ["|", {"Fn::GetAtt": [resource, "Labels"]}]}
        assert all(p["Fn::Select"][1] == split for p in parts if isinstance(p, dict))
        text = "".join(
            part if isinstance(part, str) else f"<{part['Fn::Select'][0]}>" for part in parts
        )
        return text.partition("queues (")[2].partition(")")[0]

    five = stack_with(queue_ids=("q1", "q2", "q3", "q4", "q5"), silence_hours=1)
    assert named(five) == "<0>, <1>, <2> and 2 more"
    assert named(tuned) == "<0>"


def test_only_this_stages_alarms_may_publish_and_only_over_tls(stack: Stack, tuned: Stack) -> None:
    account = {"Ref": "AWS::AccountId"}
    for synthesised, stage in ((stack, "dev"), (tuned, "prod")):
        topic = synthesised.ref("Monitoring/Alarms/Topic")
        start = ["arn:", {"Ref": "AWS::Partition"}, ":cloudwatch:", {"Ref": "AWS::Region"}]
        alarms = {"Fn::Join": ["", [*start, ":", account, f":alarm:QueueEnds-{stage}-*"]]}
        policy = synthesised.properties("Monitoring/Alarms/Topic/Policy")
        assert policy["Topics"] == [topic]
        denied, publish = policy["PolicyDocument"]["Statement"]
        assert denied == {**deny_without_tls(topic, "sns:Publish", "*"), "Sid": denied["Sid"]}
        assert publish == allow_statement(
            "AlarmsPublish",
            "sns:Publish",
            topic,
            Principal={"Service": "cloudwatch.amazonaws.com"},
            Condition={
                "ArnLike": {"aws:SourceArn": alarms},
                "StringEquals": {"aws:SourceAccount": account},
            },
        )
        # CloudWatch cannot publish to a topic that is encrypted with the AWS managed key of SNS.
        assert "KmsMasterKeyId" not in synthesised.properties("Monitoring/Alarms/Topic")


def test_the_addresses_that_are_set_are_subscribed(stack: Stack, tuned: Stack) -> None:
    assert stack.of_type("AWS::SNS::Subscription") == []
    topic = tuned.ref("Monitoring/Alarms/Topic")
    assert [s["Properties"] for s in tuned.of_type("AWS::SNS::Subscription")] == [
        {"Protocol": "email", "Endpoint": address, "TopicArn": topic}
        for address in ("on-call@example.com", "team@example.com")
    ]


# The composite alarm


def test_one_alarm_sums_up_all_others(stack: Stack, eventbridge: Stack, many_queues: Stack) -> None:
    for synthesised in (stack, eventbridge, many_queues):
        stage = synthesised.settings.stage
        (summary,) = synthesised.of_type("AWS::CloudWatch::CompositeAlarm")
        assert summary["Properties"]["AlarmName"] == f"QueueEnds-{stage}-health"
        rule = summary["Properties"]["AlarmRule"]
        names = [f"QueueEnds-{stage}-{alarm_id}" for alarm_id in alarms_of(synthesised)]
        assert rule == " OR ".join(f'ALARM("{name}")' for name in names)
        # CloudWatch: "PutCompositeAlarm".
        assert len(names) <= 100
        assert len(rule) <= 10_240
        # The rule contains only names, so the dependency has to be explicit.
        alarms = {
            path
            for path in synthesised.ids
            if synthesised.resource(path)["Type"] == "AWS::CloudWatch::Alarm"
        }
        assert alarms <= synthesised.dependencies_of("Monitoring/Alarms/health")


def test_for_the_emulator_the_template_only_says_what_would_sum_up(
    stack: Stack, queue_legs: Stack
) -> None:
    assert queue_legs.of_type("AWS::CloudWatch::CompositeAlarm") == []
    summary = stack.properties("Monitoring/Alarms/health")
    names = [f"QueueEnds-dev-{alarm_id}" for alarm_id in alarms_of(queue_legs)]
    assert queue_legs.template["Metadata"]["QueueEnds"] == {
        "HealthAlarm": {
            "AlarmName": summary["AlarmName"],
            "AlarmRule": " OR ".join(f'ALARM("{name}")' for name in names),
            "AlarmDescription": summary["AlarmDescription"],
        }
    }
    assert "QueueEnds" not in stack.template.get("Metadata", {})


# The runbook


def test_every_section_of_the_runbook_is_complete_and_belongs_to_an_alarm(
    eventbridge: Stack,
) -> None:
    alarms = [re.sub(r"^rule-.+-failed$", "rule-failed", name) for name in alarms_of(eventbridge)]
    alarms = [re.sub(r"^ledger-.+-throttled$", "ledger-throttled", name) for name in alarms]
    expected = list(dict.fromkeys([*alarms, "health"]))
    assert [name for name in SECTIONS if name not in ("The alarms", "Get ready")] == expected
    for name in expected:
        text = SECTIONS[name]
        assert re.match(r"\n\*[^*]+\*", text), name
        parts = re.findall(
            r"^\*\*(It means|Confirm|Likely causes|Do|It is over when)\*?", text, re.M
        )
        assert parts == ["It means", "Confirm", "Likely causes", "Do", "It is over when"], name


def test_the_runbooks_table_shows_every_alarm_as_it_is_deployed(eventbridge: Stack) -> None:
    rows = {}
    for alarm_id, alarm in alarms_of(eventbridge).items():
        name = "rule-<name>-failed" if alarm_id.startswith("rule-") else alarm_id
        anchor = description_of(alarm).partition("#")[2]
        compared, threshold, times, periods, seconds, missing = condition_of(alarm)
        period = {60: "min", 300: "× 5 min", 3600: "h"}[seconds]
        rows[name] = (
            f"| [`{name}`](#{anchor}) | `{alarm['Namespace']}` `{alarm['MetricName']}` "
            f"| {compared} {threshold} | {times} of {periods} {period} | {MISSING[missing]} |"
        )
    table = re.findall(r"^\| \[`.+$", RUNBOOK, re.MULTILINE)
    assert table[:-1] == list(rows.values())
    assert table[-1].startswith("| [`health`](#health) |")
