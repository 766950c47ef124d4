"""Settings that fit a stack to an AWS account: their checks, and rules about combinations."""

from pathlib import Path

import pytest

from infra.settings.reading import SettingsError, load
from tests.unit.infra.conftest import QUEUE, FindMistakes, LoadSettings

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"
SUBNET = "subnet-0a1b2c3d4e5f60718"
GROUP = "sg-0a1b2c3d4e5f60718"


def mistakes_in(region: str, tmp_path: Path, **context: object) -> list[str]:
    """Return the mistakes in settings for a deploy to a region."""
    file = tmp_path / "settings.toml"
    file.write_text(f'queue_ids = ["{QUEUE}"]', encoding="utf-8")
    try:
        load(file, context, region)
    except SettingsError as error:
        return error.mistakes
    return []


def test_tags_come_from_a_table_or_from_the_command_line(load_settings: LoadSettings) -> None:
    table = f'queue_ids = ["{QUEUE}"]\ntags = {{ team = "care", "cost-centre" = "4711" }}'
    expected = (("team", "care"), ("cost-centre", "4711"))

    assert load_settings(table)[0].tags == expected
    assert load_settings(tags="team=care, cost-centre=4711")[0].tags == expected
    assert load_settings(f"{table}\n[stages.dev.tags]\nteam = 'us'")[0].tags == (("team", "us"),)
    assert load_settings()[0].tags == ()


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"aws:team": "care"}, "begin with aws:"),
        ({"Stage": "prod"}, "sets this tag itself"),
        ({"team": 7}, "texts in quotes"),
        ({"team!": "care"}, "no tag's key"),
        ({"team": "c;are"}, "no tag's value"),
        ({"team": "ca\nre"}, "no tag's value"),
        ({"team": "a", "Team": "b"}, "only in their case"),
        ({f"key-{number}": "" for number in range(49)}, "48 tags or fewer"),
        ("team", "a table of texts"),
    ],
)
def test_tags_that_aws_or_queue_ends_refuses_are_a_mistake(
    find_mistakes: FindMistakes, tags: object, reason: str
) -> None:
    (mistake,) = find_mistakes(tags=tags)
    assert reason in mistake


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret_kms_key_arn", KEY),
        ("secret_kms_key_arn", "alias/secrets"),
        ("secret_kms_key_arn", "arn:aws-us-gov:kms:us-gov-west-1:123456789012:alias/team/secrets"),
        ("kms_key_arn", KEY.replace("key/1a2b", "key/mrk-1a2b")),
        ("role_path", "/queue-ends/prod/"),
        ("role_prefix", "acme-"),
        ("architecture", "x86_64"),
        ("python_version", "3.11"),
    ],
)
def test_values_for_other_accounts_are_accepted(
    load_settings: LoadSettings, name: str, value: str
) -> None:
    assert getattr(load_settings(**{name: value})[0], name) == value


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("secret_kms_key_arn", "secrets", "an alias such as alias/secrets"),
        ("secret_kms_key_arn", "alias/aws/secretsmanager", "remove the setting"),
        ("kms_key_arn", "alias/queue-ends", "an alias does not do"),
        ("kms_key_arn", "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d", "the ARN of a KMS key"),
        ("vpc_subnet_ids", ["vpc-0a1b2c3d4e5f60718"], "ids such as subnet-"),
        ("vpc_subnet_ids", [SUBNET, SUBNET], "not repeat"),
        ("vpc_security_group_ids", [f"sg-0a1b2c3{n}" for n in range(6)], "5 ids or fewer"),
        ("role_path", "queue-ends", "begin and end with a slash"),
        ("role_prefix", "a" * 21, "1 to 20 letters"),
        ("architecture", "arm", "arm64, x86_64"),
        ("python_version", "3.10", "3.11, 3.12, 3.13, 3.14"),
    ],
)
def test_values_that_aws_refuses_are_a_mistake(
    find_mistakes: FindMistakes, name: str, value: object, reason: str
) -> None:
    mistake = find_mistakes(**{name: value})[0]
    assert mistake.startswith(f"{name} = ")
    assert reason in mistake


def test_subnets_and_security_groups_need_each_other(
    load_settings: LoadSettings, find_mistakes: FindMistakes
) -> None:
    settings, _ = load_settings(vpc_subnet_ids=SUBNET, vpc_security_group_ids=GROUP)

    assert (settings.vpc_subnet_ids, settings.vpc_security_group_ids) == ((SUBNET,), (GROUP,))
    assert "vpc_security_group_ids is missing" in find_mistakes(vpc_subnet_ids=SUBNET)[0]
    assert "vpc_subnet_ids is missing" in find_mistakes(vpc_security_group_ids=GROUP)[0]


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-gov-west-1", "AWS GovCloud"),
        ("cn-north-1", "AWS China"),
        ("eusc-de-east-1", "AWS European Sovereign Cloud"),
    ],
)
def test_a_subscription_to_another_partition_is_refused(
    tmp_path: Path, region: str, partition: str
) -> None:
    (mistake,) = mistakes_in(region, tmp_path)

    assert "765628985471" in mistake
    assert partition in mistake
    assert "commercial region" in mistake
    assert mistakes_in(region, tmp_path, delivery="eventbridge") == []
    assert mistakes_in("us-east-2", tmp_path) == []


@pytest.mark.parametrize("name", ["kms_key_arn", "secret_kms_key_arn"])
def test_a_key_in_another_region_is_refused(tmp_path: Path, name: str) -> None:
    (mistake,) = mistakes_in("us-east-1", tmp_path, **{name: KEY})

    assert f"{name}: the key is in eu-west-1" in mistake
    assert mistakes_in("eu-west-1", tmp_path, **{name: KEY}) == []
    assert mistakes_in("us-east-1", tmp_path, secret_kms_key_arn="alias/secrets") == []


def test_a_key_that_genesys_cloud_must_be_able_to_use_is_a_warning(
    load_settings: LoadSettings,
) -> None:
    (warning,) = load_settings(kms_key_arn=KEY)[1]

    assert "must admit 765628985471" in warning
    assert "docs/keys.md" in warning
    assert load_settings(kms_key_arn=KEY, delivery="eventbridge")[1] == []


def test_a_private_webhook_without_a_private_network_is_a_warning(
    load_settings: LoadSettings,
) -> None:
    webhook = {
        "destinations": "webhook",
        "webhook_url": "https://crm.example.internal/ended",
        "webhook_secret": "queue-ends/webhook",
        "webhook_allow_private": "true",
    }
    (warning,) = load_settings(**webhook)[1]

    assert "docs/network.md" in warning
    network = {"vpc_subnet_ids": SUBNET, "vpc_security_group_ids": GROUP}
    assert load_settings(**webhook, **network)[1] == []
