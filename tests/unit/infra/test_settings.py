"""Settings: the origin of values, mistakes, warnings and derived properties."""

import datetime
import json
from pathlib import Path

import pytest

from infra.settings.checks import DESTINATIONS
from infra.settings.combinations import MAX_WATCHDOG_ENVIRONMENT_CHARACTERS
from infra.settings.reading import SettingsError, load
from infra.settings.worker_environment import MAX_WORKER_ENVIRONMENT_CHARACTERS
from tests.unit.infra.conftest import OTHER_QUEUE, QUEUE, FindMistakes, LoadSettings

PROJECT = Path(__file__).parents[3]


# The origin of values


def test_the_settings_of_the_project_load() -> None:
    assert load(PROJECT / "settings.toml", {})[0].stage == "dev"


def test_a_stage_overrides_the_defaults_and_the_context_overrides_both(
    load_settings: LoadSettings,
) -> None:
    text = f"""
        queue_ids = ["{QUEUE}"]
        batch_size = 2
        max_receive_count = 7
        retry_delay_seconds = 11
        [stages.prod]
        max_receive_count = 8
        retry_delay_seconds = 12
        [stages.other]
        batch_size = 9
    """
    settings, _ = load_settings(text, stage="prod", retry_delay_seconds="13")
    chosen = (settings.batch_size, settings.max_receive_count, settings.retry_delay_seconds)
    assert chosen == (2, 8, 13)
    assert settings.stage == "prod"


def test_a_stage_needs_no_table_and_dev_is_the_default(load_settings: LoadSettings) -> None:
    assert load_settings()[0].stage == "dev"
    assert load_settings(stage="qa-2")[0].stack_name == "QueueEnds-qa-2"


def test_strings_from_the_command_line_are_converted_to_the_type_of_the_key(
    load_settings: LoadSettings,
) -> None:
    settings, _ = load_settings(
        queue_ids=f" {QUEUE} , {OTHER_QUEUE},",
        batch_size=" 5 ",
        tracing="True",
        protect="false",
        max_concurrency="20",
    )
    assert settings.queue_ids == (QUEUE, OTHER_QUEUE)
    assert (settings.batch_size, settings.max_concurrency) == (5, 20)
    assert (settings.tracing, settings.protect) == (True, False)


def test_context_values_that_have_the_type_of_the_key_are_not_converted(
    load_settings: LoadSettings,
) -> None:
    settings, _ = load_settings(queue_ids=[OTHER_QUEUE], batch_size=5, tracing=False)
    assert (settings.queue_ids, settings.batch_size, settings.tracing) == ((OTHER_QUEUE,), 5, False)


def test_an_empty_string_resets_an_optional_key_to_none(load_settings: LoadSettings) -> None:
    text = f"""
        queue_ids = ["{QUEUE}"]
        max_concurrency = 5
        silence_hours = 24
        attribute_filter = "$exists(queueId)"
        [stages.prod]
        max_concurrency = ""
        silence_hours = " "
    """
    settings, _ = load_settings(text, stage="prod", attribute_filter=" ")
    assert settings.max_concurrency is settings.silence_hours is None
    assert settings.filter_expression == f"queueId = '{QUEUE}'"


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'queue_ids = ["{QUEUE}"]', encoding="utf-8-sig")
    assert load(file, {})[0].queue_ids == (QUEUE,)


# Mistakes


def test_all_mistakes_are_reported_at_once_with_key_value_origin_and_requirement(
    find_mistakes: FindMistakes,
) -> None:
    text = """
        queue_ids = ["a'b"]
        batch_size = 0
        que_ids = 1
        [stages.dev]
        tracing = "yes"
        [stages.prod]
        btach_size = 3
    """
    assert find_mistakes(text, log_level="loud", stage="dev") == [
        'que_ids = 1 (settings.toml): is no setting; did you mean "queue_ids"?',
        'btach_size = 3 ([stages.prod]): is no setting; did you mean "batch_size"?',
        'queue_ids = ["a\'b"] (settings.toml): ids are 1 to 64 letters, digits, - or _; '
        'invalid: "a\'b"',
        "batch_size = 0 (settings.toml): must be a whole number from 1 to 10000",
        'tracing = "yes" ([stages.dev]): must be true or false',
        'log_level = "loud" (-c): must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL',
    ]


def test_the_error_lists_the_mistakes() -> None:
    assert str(SettingsError(["a", "b"])) == (
        "Queue Ends: 2 mistakes in the settings\n  - a\n  - b"
    )


def test_a_syntax_error_is_reported_with_its_position_beside_other_mistakes(
    find_mistakes: FindMistakes,
) -> None:
    found = find_mistakes('queue_ids = ["a"\nbatch_size = 1', batch_size="x", stage="No")
    assert len(found) == 3
    assert found[0].startswith("settings.toml is not valid TOML: ")
    assert "at line 2, column 1" in found[0]


def test_a_missing_or_unreadable_file_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"settings\.toml beside app\.py cannot be read: No "):
        load(tmp_path / "settings.toml", {})
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(SettingsError, match=r"must be UTF-8 text: .* at byte 5"):
        load(tmp_path / "latin.toml", {})


def test_queue_ids_are_required(find_mistakes: FindMistakes) -> None:
    (mistake,) = find_mistakes("batch_size = 5")
    assert mistake.startswith("queue_ids is missing")


def test_a_batch_over_ten_needs_a_batching_window(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    assert load_settings(batch_size="10000", batching_window_seconds="1")[0].batch_size == 10_000
    assert find_mistakes(batch_size="11") == [
        "batch_size = 11: a batch over 10 needs batching_window_seconds of at least 1; it is 0"
    ]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"backfill": "report", "watchdog": "off"},
            'backfill = "report": the watchdog runs it, and watchdog is "off"',
        ),
        (
            {"backfill": "repair", "attribute_filter": "queueId = 'q-1'"},
            'backfill = "repair" would deliver what attribute_filter holds back: use "report"',
        ),
    ],
)
def test_a_backfill_that_cannot_work_is_a_mistake(
    settings: dict[str, str], message: str, find_mistakes: FindMistakes
) -> None:
    assert message in find_mistakes(**settings)


def test_an_invalid_setting_is_not_checked_for_conflicts(
    find_mistakes: FindMistakes,
) -> None:
    (mistake,) = find_mistakes(batch_size="11", batching_window_seconds="-1")
    assert mistake.startswith("batching_window_seconds")
    (mistake,) = find_mistakes(stage="x" * 55, delivery="pigeon", attribute_filter="(")
    assert mistake.startswith("delivery")


@pytest.mark.parametrize("stage", ["", "Prod", "a_b", "-a", "a-", "a b", "ä", "x" * 63])
def test_a_stage_that_cannot_be_part_of_aws_names_is_a_mistake(
    find_mistakes: FindMistakes, stage: str
) -> None:
    (mistake,) = find_mistakes(stage=stage)
    assert mistake.startswith(f"stage = {json.dumps(stage, ensure_ascii=False)} (-c): must be 1 to")


def test_the_longest_stage_gives_queue_names_that_sqs_accepts(load_settings: LoadSettings) -> None:
    settings, _ = load_settings(stage="x" * 62)
    assert len(settings.intake_queue_name) == 80
    assert len(settings.dead_letter_queue_name) <= 80


def test_with_eventbridge_a_stage_has_54_characters_at_most(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    settings, warnings = load_settings(stage="x" * 54, delivery="eventbridge")
    assert len(settings.event_source_suffix) == 64
    assert len(settings.undelivered_queue_name) <= 80
    assert warnings == []
    assert find_mistakes(stage="x" * 55, delivery="eventbridge") == [
        f'stage = "{"x" * 55}": with delivery = "eventbridge" it must have 54 characters or '
        "fewer, because the event source's name contains it; it has 55"
    ]


def test_a_mistake_shortens_a_long_value(find_mistakes: FindMistakes) -> None:
    (mistake,) = find_mistakes(queue_ids="x" * 500)
    assert "xxx..." in mistake
    assert len(mistake) < 800
    text = f'queue_ids = ["{QUEUE}"]\nodd = {datetime.date(2026, 11, 23)}'
    assert find_mistakes(text) == ['odd = "2026-11-23" (settings.toml): is no setting']


WEBHOOK = {
    "destinations": "webhook",
    "webhook_url": "https://example.com/ended",
    "webhook_secret": "queue-ends/webhook",
}


def test_a_webhook_needs_its_url_and_its_secret(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    assert load_settings(**WEBHOOK)[0].webhook_secret == "queue-ends/webhook"
    assert find_mistakes(destinations="bus,webhook") == [
        "webhook_url is missing: the destination webhook needs the URL that ends are posted to",
        "webhook_secret is missing: the destination webhook needs the name of the secret that "
        "holds the key to sign ends with",
    ]


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.1.1:8443", "169.254.169.254", "127.0.0.1", "[::1]", "[fd00::1]",
             "[::ffff:10.0.0.1]", "100.64.0.1", "0.0.0.0", "192.88.99.1", "[3fff::1]",
             "[2002:808:808::1]"]
)  # fmt: skip
def test_a_webhook_at_a_private_address_needs_the_setting_that_allows_it(
    load_settings: LoadSettings, find_mistakes: FindMistakes, host: str
) -> None:
    url = {"webhook_url": f"https://{host}/ended"}
    assert find_mistakes(**WEBHOOK | url) == [
        "webhook_url: the host's address is not public; if this is intended, "
        "set webhook_allow_private = true"
    ]
    settings, _ = load_settings(**WEBHOOK | url, webhook_allow_private="true")
    assert settings.webhook_url == url["webhook_url"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]/x",
                                 "https://8.8.8.8/x", "https://[2606:4700::1]/x",
                                 "https://[::ffff:8.8.8.8]/x"])  # fmt: skip
def test_a_webhook_on_loopback_over_http_or_at_a_public_address_is_accepted(
    load_settings: LoadSettings, url: str
) -> None:
    settings, warnings = load_settings(**WEBHOOK | {"webhook_url": url})
    assert (settings.webhook_url, warnings) == (url, [])


def test_settings_that_overfill_the_workers_environment_are_a_mistake(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    url = "https://example.com/"
    limit = MAX_WORKER_ENVIRONMENT_CHARACTERS
    remaining = limit - len(f"{QUEUE}queue-ends/webhook{url}")
    all_destinations = WEBHOOK | {"destinations": ",".join(DESTINATIONS)}
    assert load_settings(**all_destinations | {"webhook_url": url + "x" * remaining})
    assert find_mistakes(**all_destinations | {"webhook_url": url + "x" * (remaining + 1)}) == [
        f"queue_ids, webhook_url and webhook_secret take {limit + 1} characters together; the "
        f"worker's environment has room for {limit}"
    ]


def test_fifty_queue_ids_fit_with_the_default_destinations(load_settings: LoadSettings) -> None:
    queue_ids = ",".join(f"a1b2c3d4-e5f6-7890-1234-{n:0>12}" for n in range(50))
    assert len(load_settings(queue_ids=queue_ids)[0].queue_ids) == 50


def test_fifty_queue_ids_of_any_length_fit_without_a_watchdog(load_settings: LoadSettings) -> None:
    queue_ids = ",".join(f"{n:0>64}" for n in range(50))
    assert len(load_settings(queue_ids=queue_ids, watchdog="off")[0].queue_ids) == 50


def test_a_filter_that_overfills_the_watchdogs_environment_is_a_mistake(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    def filter_with_length(length: int) -> str:
        expression = f"queueId = '{QUEUE}'"
        return expression.replace("=", "=" + " " * (length - len(expression)))

    # Also in the environment: the domain twice, the secret's name, the stage eight times,
    # quotes, and the queue's packed id.
    limit = MAX_WATCHDOG_ENVIRONMENT_CHARACTERS
    remaining = limit - len("mypurecloud.com" * 2 + "queue-ends/genesys" + "dev" * 8) - 6 - 22
    assert load_settings(attribute_filter=filter_with_length(remaining))
    assert find_mistakes(attribute_filter=filter_with_length(remaining + 1)) == [
        f"attribute_filter: the filter has {remaining + 1} characters, 1 more than the watchdog's "
        'environment has room for: shorten it, or set watchdog = "off"'
    ]
    assert load_settings(attribute_filter=filter_with_length(remaining + 1), watchdog="off")


@pytest.mark.parametrize(
    ("context", "limit"),
    [
        ({}, 374),
        ({"retry_delay_seconds": "900"}, 371),
        ({"worker_timeout_seconds": "900", "batching_window_seconds": "300"}, 60),
    ],
)
def test_more_receives_than_the_intake_queue_s_retention_allows_are_a_mistake(
    load_settings: LoadSettings,
    find_mistakes: FindMistakes,
    context: dict[str, object],
    limit: int,
) -> None:
    assert load_settings(**context, max_receive_count=str(limit))[1] == []
    mistake, other_mistake = find_mistakes(
        **context, max_receive_count=str(limit + 1), destinations="webhook", webhook_secret="key"
    )
    assert mistake == (
        f"max_receive_count = {limit + 1}: must be {limit} or lower with retry_delay_seconds = "
        f"{context.get('retry_delay_seconds', 30)} and worker_timeout_seconds = "
        f"{context.get('worker_timeout_seconds', 30)}, because the intake queue keeps a message "
        "for 4 days: a message that keeps failing would be deleted before it reaches the "
        "dead-letter queue"
    )
    assert other_mistake.startswith("webhook_url is missing")


def test_receives_are_not_judged_without_a_valid_delay(find_mistakes: FindMistakes) -> None:
    (mistake,) = find_mistakes(max_receive_count="1000", retry_delay_seconds="0")
    assert mistake.startswith("retry_delay_seconds")


def test_a_mistake_does_not_repeat_the_query_of_a_url(find_mistakes: FindMistakes) -> None:
    (mistake,) = find_mistakes(**WEBHOOK | {"webhook_url": "http://example.com/x?token=hush"})
    assert mistake.startswith(
        'webhook_url = "http://example.com/x?***" (-c): must begin with https:'
    )


def test_the_ledger_outlives_a_message_and_the_wait_for_a_conversation_to_go_on(
    load_settings: LoadSettings,
) -> None:
    message_days, days_until_reopened = 4 + 14, 30
    assert load_settings()[0].ledger_days >= message_days + days_until_reopened


def test_destinations_keep_their_order(load_settings: LoadSettings) -> None:
    assert load_settings()[0].destinations == ("actions", "bus")
    assert load_settings(destinations="Bus, archive,actions")[0].destinations == (
        "bus",
        "archive",
        "actions",
    )


# Warnings


@pytest.mark.parametrize(
    ("context", "warning"),
    [
        ({"max_receive_count": "4"}, "max_receive_count = 4: AWS advises at least 5"),
        ({"queue_ids": "support"}, 'queue_ids: "support" does not look like'),
        ({"queue_ids": "SUPPORT"}, 'queue_ids: "SUPPORT" does not look like'),
        ({"genesys_environment": "mypurecloud.con"}, "did you mean mypurecloud.com?"),
        ({"genesys_environment": "us-east-2"}, "Genesys Cloud sends from 325654371633"),
        ({"batchsize": "5"}, '-c batchsize=… is no setting; did you mean "batch_size"?'),
        ({"attribute_filter": f"queueId = '{OTHER_QUEUE}'"}, f"queue {QUEUE} would not pass"),
        ({"webhook_url": "https://example.com"}, "webhook_url is not used: destinations does not"),
        ({"webhook_secret": "key"}, "webhook_secret is not used"),
        ({"webhook_allow_private": "true"}, "webhook_allow_private is not used"),
        ({"archive_expiry_days": "7"}, "archive_expiry_days is not used"),
        ({"end_rule": "last_queue"}, 'end_rule has no effect with delivery = "subscription"'),
        ({"settle_seconds": "0"}, 'settle_seconds has no effect with delivery = "subscription"'),
        ({"archive_days": "7"}, 'archive_days has no effect with delivery = "subscription"'),
        (
            {"delivery": "eventbridge", "attribute_filter": "exists("},
            'attribute_filter has no effect with delivery = "eventbridge"',
        ),
        (
            {"delivery": "eventbridge", "genesys_account": "111122223333"},
            'genesys_account has no effect with delivery = "eventbridge"',
        ),
        (
            {"delivery": "eventbridge", "end_rule": "touched", "settle_seconds": "9"},
            'settle_seconds has no effect with end_rule = "touched": only last_queue settles',
        ),
    ],
)
def test_an_allowed_value_that_looks_wrong_gives_a_warning(
    load_settings: LoadSettings, context: dict[str, object], warning: str
) -> None:
    _, (message,) = load_settings(**context)
    assert warning in message


def test_the_fedramp_account_in_fedramp_gives_no_warning(load_settings: LoadSettings) -> None:
    assert load_settings(genesys_environment="us-east-2", genesys_account="325654371633")[1] == []


def test_settings_that_eventbridge_delivery_uses_give_no_warning(
    load_settings: LoadSettings,
) -> None:
    used = {"end_rule": "last_queue", "settle_seconds": "900", "archive_days": "3650"}
    settings, warnings = load_settings(
        delivery="EventBridge", genesys_environment="us-east-2", attribute_filter="", **used
    )
    assert (settings.delivery, settings.settle_seconds, settings.archive_days) == (
        "eventbridge",
        900,
        3650,
    )
    assert warnings == []


def test_context_keys_of_the_cdk_itself_give_no_warning(load_settings: LoadSettings) -> None:
    context = {"aws:cdk:enable-path-metadata": True, "@aws-cdk/core:x": True, "cli-telemetry": 1}
    assert load_settings(**context)[1] == []


# Derived properties


def test_names_in_aws_and_genesys_cloud_are_derived_from_the_stage(
    load_settings: LoadSettings,
) -> None:
    settings, _ = load_settings(stage="prod")
    assert settings.stack_name == "QueueEnds-prod"
    assert settings.resource_name == "queue-ends-prod"
    assert settings.intake_queue_name == "queue-ends-prod-intake"
    assert settings.dead_letter_queue_name == "queue-ends-prod-dead"
    assert settings.undelivered_queue_name == "queue-ends-prod-undelivered"
    assert settings.event_source_suffix == "QueueEnds-prod"


@pytest.mark.parametrize(
    ("receives", "delay", "seconds"),
    [(12, 30, 6330), (30, 30, 22530), (1, 30, 0), (2, 45, 45), (6, 900, 4500), (4, 1, 7)],
)
def test_the_longest_outage_without_a_loss_is_the_sum_of_the_delays(
    load_settings: LoadSettings, receives: int, delay: int, seconds: int
) -> None:
    settings, _ = load_settings(max_receive_count=receives, retry_delay_seconds=delay)
    assert settings.outage_seconds == seconds


@pytest.mark.parametrize(("timeout", "window", "visibility"), [(30, 0, 180), (900, 300, 5700)])
def test_the_visibility_timeout_is_six_timeouts_and_the_window_and_fits_sqs(
    load_settings: LoadSettings, timeout: int, window: int, visibility: int
) -> None:
    settings, _ = load_settings(worker_timeout_seconds=timeout, batching_window_seconds=window)
    assert settings.visibility_timeout_seconds == visibility <= 43_200


def test_the_time_of_a_deploy_comes_from_the_command_line_only(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    deployed_at = "2026-12-01T10:00:00Z"
    settings, warnings = load_settings(deployed_at=deployed_at)
    assert (settings.deployed_at, warnings) == (deployed_at, [])
    assert load_settings()[0].deployed_at is None
    assert load_settings(deployed_at="")[0].deployed_at is None
    (mistake,) = find_mistakes(f'queue_ids = ["{QUEUE}"]\ndeployed_at = "{deployed_at}"')
    assert "is no setting" in mistake


@pytest.mark.parametrize("text", ["now", "2026-12-01", "2026-12-01T10:00:00+00:00"])
def test_the_time_of_a_deploy_must_be_utc(find_mistakes: FindMistakes, text: str) -> None:
    assert find_mistakes(deployed_at=text) == [
        f'deployed_at = "{text}" (-c): must be a time in UTC such as 2026-12-01T10:00:00Z'
    ]


def test_a_timeout_too_short_for_the_details_is_a_warning(load_settings: LoadSettings) -> None:
    for details, timeout, expected in [
        ("none", "5", []),
        ("analytics", "9", []),
        (
            "analytics",
            "8",
            [
                "worker_timeout_seconds = 8 leaves less than 2 s to ask for details: use at least "
                "9, or ends may arrive without them"
            ],
        ),
    ]:
        _, warnings = load_settings(details=details, worker_timeout_seconds=timeout)
        assert [text for text in warnings if "worker_timeout" in text] == expected


def test_little_room_for_the_names_of_the_queues_is_a_warning(load_settings: LoadSettings) -> None:
    ids = ",".join(f"{n:0>8}-0000-4000-8000-000000000000" for n in range(50))
    assert load_settings(queue_ids=ids)[1] == []
    webhook = WEBHOOK | {"queue_ids": ids, "webhook_url": f"https://example.com/{'x' * 600}"}
    (warning,) = load_settings(**webhook)[1]
    assert "characters of queue names in the worker's environment" in warning


@pytest.mark.parametrize(
    "text",
    [
        "batch_size = " + "9" * 5_000,
        "batch_size = 0x" + "f" * 5_000,
        "batch_size = " + "[" * 3_000,
        "tags = " + "{a=" * 3_000,
    ],
)
def test_a_value_that_python_cannot_read_or_write_is_a_mistake(
    find_mistakes: FindMistakes, text: str
) -> None:
    assert find_mistakes(text)


def test_a_mistake_is_one_short_line_that_a_terminal_shows_as_it_is(
    find_mistakes: FindMistakes,
) -> None:
    odd = "a\x9b31m\u202eb\x7f\u2028"
    mistakes = find_mistakes("k" * 9_000 + " = 1", role_prefix=odd, **{"vpc_subnet_ids": odd})
    assert len(mistakes) == 4
    assert all(mistake.isprintable() and len(mistake) < 2_000 for mistake in mistakes)
