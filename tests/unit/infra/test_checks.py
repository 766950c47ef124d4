"""The checks of single settings: the values they accept, and the messages for other values."""

import pytest

from infra.settings.checks import DESTINATIONS, RETENTION_NAMES
from infra.settings.regions import DOMAINS
from tests.unit.infra.conftest import OTHER_QUEUE, QUEUE, FindMistakes, LoadSettings


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("batch_size = true", "must be a whole number"),
        ("batch_size = 1.5", "must be a whole number"),
        ('batch_size = "5"', "must be a whole number"),
        ("tracing = 1", "must be true or false"),
        ('tracing = "true"', "must be true or false"),
        ("log_level = 3", "must be a text in quotes"),
        ("genesys_account = 765628985471", "must be a text in quotes"),
        ("genesys_secret = 2026-11-23", "must be a text in quotes"),
        ('stages = "prod"', "must be tables: [stages.prod]"),
        ("[stages]\nprod = 1", "must be a table: [stages.prod] on a line of its own"),
        ("[stages.Prod]", "must be 1 to 62 lower-case letters"),
        ('stage = "prod"', "is no setting: put a stage's settings into the table [stages.<name>]"),
    ],
)
def test_a_value_of_another_type_in_the_file_is_a_mistake(
    find_mistakes: FindMistakes, line: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(f'queue_ids = ["{QUEUE}"]\n{line}')
    assert requirement in mistake


@pytest.mark.parametrize("queue_ids", ['"a,b"', "[1]", '[["a"]]'])
def test_queue_ids_in_the_file_must_be_a_list_of_texts(
    find_mistakes: FindMistakes, queue_ids: str
) -> None:
    (mistake,) = find_mistakes(f"queue_ids = {queue_ids}")
    assert "must be a list of texts" in mistake


def test_queue_ids_that_are_uuids_are_taken_in_lower_case(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    mixed = OTHER_QUEUE[:8].upper() + OTHER_QUEUE[8:]
    settings, warnings = load_settings(queue_ids=[QUEUE.upper(), mixed])
    assert (settings.queue_ids, warnings) == ((QUEUE, OTHER_QUEUE), [])
    assert QUEUE in settings.filter_expression
    (mistake,) = find_mistakes(queue_ids=[QUEUE, QUEUE.upper()])
    assert mistake.endswith(f"must name each queue once; more than once: {QUEUE}")


def test_queue_ids_that_are_no_uuids_keep_their_case(load_settings: LoadSettings) -> None:
    assert load_settings(queue_ids="Q1,q1")[0].queue_ids == ("Q1", "q1")


@pytest.mark.parametrize(
    ("key", "least", "most"),
    [
        ("batching_window_seconds", 0, 300),
        ("max_concurrency", 2, 1000),
        ("worker_timeout_seconds", 5, 900),
        ("worker_memory_mb", 128, 10240),
        ("retry_delay_seconds", 1, 900),
        ("ledger_days", 18, 3650),
        ("settle_seconds", 0, 900),
        ("archive_days", 0, 3650),
        ("archive_expiry_days", 0, 3650),
        ("ledger_recovery_days", 0, 35),
        ("silence_hours", 1, 168),
    ],
)
def test_numbers_have_limits(
    load_settings: LoadSettings, find_mistakes: FindMistakes, key: str, least: int, most: int
) -> None:
    for value in (least, most):
        assert getattr(load_settings(**{key: str(value)})[0], key) == value
    for value in (least - 1, most + 1):
        (mistake,) = find_mistakes(**{key: str(value)})
        assert mistake == f'{key} = "{value}" (-c): must be a whole number from {least} to {most}'


def test_a_receive_count_has_limits_of_its_own_besides_those_of_the_retention(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    assert load_settings(max_receive_count="1")[0].max_receive_count == 1
    for value in (0, 1001):
        (mistake,) = find_mistakes(max_receive_count=str(value))
        assert mistake.endswith("(-c): must be a whole number from 1 to 1000")
    (mistake,) = find_mistakes(max_receive_count="1000")
    assert mistake.startswith("max_receive_count = 1000: must be 374 or lower")


@pytest.mark.parametrize("text", ["", "ten", "1e3", "5.0", "٥", "9" * 5000])
def test_a_string_that_is_not_a_number_is_a_mistake(find_mistakes: FindMistakes, text: str) -> None:
    (mistake,) = find_mistakes(batch_size=text)
    assert mistake.endswith("(-c): must be a whole number")
    assert len(mistake) < 200


@pytest.mark.parametrize(
    ("ids", "requirement"),
    [
        ("", "must name 1 to 50 queues; it names 0"),
        (",".join(f"q{n}" for n in range(51)), "must name 1 to 50 queues; it names 51"),
        (f"{QUEUE},{OTHER_QUEUE},{QUEUE}", f"must name each queue once; more than once: {QUEUE}"),
        ("a b", "invalid: 'a b'"),
        ("é", "invalid: 'é'"),
        ("a" * 65, "ids are 1 to 64 letters"),
    ],
)
def test_queue_ids_are_limited_in_number_length_and_characters_and_do_not_repeat(
    find_mistakes: FindMistakes, ids: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(queue_ids=ids)
    assert requirement in mistake


@pytest.mark.parametrize(("region", "domain"), DOMAINS.items())
def test_an_aws_region_stands_for_its_genesys_cloud_domain(
    load_settings: LoadSettings, region: str, domain: str
) -> None:
    settings, warnings = load_settings(genesys_environment=region.upper())
    assert settings.api_url == f"https://api.{domain}"
    assert settings.login_url == f"https://login.{domain}"
    assert load_settings(genesys_environment=domain)[0] == settings
    assert [w for w in warnings if "genesys_environment" in w] == []


@pytest.mark.parametrize(
    ("pasted", "domain"),
    [
        ("https://login.mypurecloud.ie", "mypurecloud.ie"),
        ("https://apps.usw2.pure.cloud/#/admin", "usw2.pure.cloud"),
        ("api.mypurecloud.de", "mypurecloud.de"),
        ("mypurecloud.jp/", "mypurecloud.jp"),
        ("https://", "mypurecloud.com"),
    ],
)
def test_a_pasted_url_for_the_environment_is_a_mistake_that_names_the_domain(
    find_mistakes: FindMistakes, pasted: str, domain: str
) -> None:
    (mistake,) = find_mistakes(genesys_environment=pasted)
    assert mistake.endswith(f'must be the domain alone: write "{domain}"')


@pytest.mark.parametrize("text", ["", "purecloud", "us-west-1", "a..b", "10.0.0.1", "a b.com"])
def test_an_environment_that_is_not_a_domain_is_a_mistake(
    find_mistakes: FindMistakes, text: str
) -> None:
    (mistake,) = find_mistakes(genesys_environment=text)
    assert "must be the org's domain, such as mypurecloud.ie" in mistake


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.example.com:8443/genesys",
        "http://localhost:8080",
        "http://127.1.2.3:1/x",
        "http://[::1]:9000",
    ],
)
def test_base_urls_are_https_or_loopback_and_lose_their_last_slash(
    load_settings: LoadSettings, url: str
) -> None:
    settings, _ = load_settings(genesys_login_url=url, genesys_api_url=f"{url}/")
    assert (settings.login_url, settings.api_url) == (url, url)


@pytest.mark.parametrize(
    ("url", "requirement"),
    [
        ("http://api.mypurecloud.com", "must begin with https"),
        ("http://127.0.0.1.example.com", "must begin with https"),
        ("http://128.0.0.1", "must begin with https"),
        ("https://me:hunter2@example.com", "without a user name or password"),
        ("https://example.com/?", "without a query or fragment"),
        ("https://example.com/#x", "without a query or fragment"),
        ("api.mypurecloud.com", "must be a URL such as"),
        ("ftp://example.com", "must be a URL such as"),
        ("https://", "must be a URL such as"),
        ("https://exa mple.com", "must be a URL such as"),
        ("https://example.com:port", "must be a URL such as"),
        ("https://[::1", "must be a URL such as"),
    ],
)
def test_an_invalid_base_url_is_a_mistake_that_shows_no_password(
    find_mistakes: FindMistakes, url: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(genesys_api_url=url)
    assert requirement in mistake
    assert "hunter2" not in mistake


@pytest.mark.parametrize("account", ["", "12345678901", "1234567890123", "12345678901x", "１" * 12])
def test_an_account_has_twelve_digits(find_mistakes: FindMistakes, account: str) -> None:
    (mistake,) = find_mistakes(genesys_account=account)
    assert "12 digits" in mistake


def test_a_secret_is_configured_by_its_name_not_by_its_arn(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    name = "queue-ends/prod_a+b=c.d@e"
    assert load_settings(genesys_secret=name)[0].genesys_secret == name
    arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbC123"
    (mistake,) = find_mistakes(genesys_secret=arn)
    assert mistake.endswith(f'must be the name of the secret, not its ARN: write "{name}"')
    for invalid in ("", "a b", "a*", "x" * 513):
        (mistake,) = find_mistakes(genesys_secret=invalid)
        assert "must be a secret's name" in mistake


def test_deliveries_end_rules_and_watchdogs_are_known_words(find_mistakes: FindMistakes) -> None:
    assert find_mistakes(delivery="pigeon", end_rule="last", watchdog="on") == [
        'delivery = "pigeon" (-c): must be one of subscription, eventbridge',
        'end_rule = "last" (-c): must be one of touched, last_queue, queue_leg',
        'watchdog = "on" (-c): must be one of off, report, heal',
    ]


def test_words_are_accepted_in_any_case(load_settings: LoadSettings) -> None:
    settings, _ = load_settings(log_level="debug", packaging="HOST", watchdog="Off")
    assert (settings.log_level, settings.packaging, settings.watchdog) == ("DEBUG", "host", "off")


def test_log_retention_is_a_value_that_cloudwatch_supports(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    for days in RETENTION_NAMES:
        assert load_settings(log_retention_days=str(days))[0].log_retention_days == days
    assert "CloudWatch Logs knows: 1, 3, 5, 7, 14, 30," in find_mistakes(log_retention_days="31")[0]


@pytest.mark.parametrize(
    ("names", "requirement"),
    [
        ("", f"must name at least one: any of {', '.join(DESTINATIONS)}"),
        ("bus,mail", f"must be any of {', '.join(DESTINATIONS)}; invalid: 'mail'"),
        ("bus,actions,Bus", "must name each destination once; more than once: bus"),
    ],
)
def test_destinations_are_known_and_do_not_repeat(
    find_mistakes: FindMistakes, names: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(destinations=names)
    assert mistake.endswith(requirement)


@pytest.mark.parametrize(
    ("url", "requirement"),
    [
        ("example.com/ended", "must be a URL such as https://example.com/conversation-ended"),
        ("ftp://example.com", "must be a URL such as"),
        ("https://", "must be a URL such as"),
        ("https://example.com/a b", "must be a URL such as"),
        ("https://example.com:port/", "(Port could not be cast to integer value as 'port')"),
        ("http://example.com/ended", "must begin with https:"),
        ("http://10.0.0.1/ended", "must begin with https:"),
        ("https://user:pass@example.com", "without a user name or password in it"),
        ("https://example.com/#top", "without a fragment (#)"),
    ],
)
def test_a_webhook_url_that_could_not_be_called_is_a_mistake(
    find_mistakes: FindMistakes, url: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(webhook_url=url, webhook_secret="key", destinations="webhook")
    assert requirement in mistake


def test_a_webhook_url_keeps_its_query_and_its_last_slash(load_settings: LoadSettings) -> None:
    for url in ("https://example.com/ended/?team=1&x=%20", "https://example.com:8443/"):
        settings, _ = load_settings(webhook_url=url, webhook_secret="key", destinations="webhook")
        assert settings.webhook_url == url


def test_alarm_emails_may_have_any_number_of_addresses_or_none(load_settings: LoadSettings) -> None:
    settings, _ = load_settings(alarm_emails="on-call@example.com, a.b+c@mail.example.co.uk")
    assert settings.alarm_emails == ("on-call@example.com", "a.b+c@mail.example.co.uk")
    assert load_settings(alarm_emails="")[0].alarm_emails == ()


@pytest.mark.parametrize(
    ("addresses", "requirement"),
    [
        ("on-call", "must be e-mail addresses such as on-call@example.com; invalid: 'on-call'"),
        ("a@b.com,@b.com", "invalid: '@b.com'"),
        ("a@b", "invalid: 'a@b'"),
        ("On Call <a@b.com>", "invalid: 'On Call <a@b.com>'"),
        (f"{'a' * 65}@b.com", "invalid: 'a"),
        ("a@b.com,c@d.com,A@B.com", "must name each address once; more than once: a@b.com"),
    ],
)
def test_an_invalid_or_repeated_address_is_a_mistake(
    find_mistakes: FindMistakes, addresses: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(alarm_emails=addresses)
    assert requirement in mistake


def test_the_runbook_url_is_a_url_or_a_path(load_settings: LoadSettings) -> None:
    assert load_settings()[0].runbook_url == "docs/runbook.md"
    longest = "https://example.com/".ljust(400, "r")
    for url in ("https://wiki.example.com/r?page=7", "ops/runbook.md", longest):
        assert load_settings(runbook_url=url)[0].runbook_url == url


@pytest.mark.parametrize(
    ("url", "requirement"),
    [
        ("", "must be the URL or path of docs/runbook.md"),
        ("our runbook.md", "without spaces"),
        ("docs/runbook.md#top", "or a fragment (#)"),
        ("https://example.com/(1)", "brackets"),
        ("ftp://example.com/runbook.md", "must be the URL or path of docs/runbook.md"),
        ("http://wiki.example.com/runbook", "must begin with https"),
        ("https://", "must be the URL or path of docs/runbook.md"),
        ("https://example.com/".ljust(401, "r"), "in 400 characters or fewer; it has 401"),
    ],
)
def test_a_runbook_url_that_cannot_be_linked_is_a_mistake(
    find_mistakes: FindMistakes, url: str, requirement: str
) -> None:
    (mistake,) = find_mistakes(runbook_url=url)
    assert requirement in mistake
