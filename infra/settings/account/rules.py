"""Rules about combinations of settings that concern the AWS account and region."""

from collections.abc import Iterator

from ..key import OnlyWithDelivery
from ..regions import FEDRAMP_ACCOUNT, GENESYS_ACCOUNT
from ..rule import Rules, add_rule
from ..settings import Settings
from .checks import region_of_arn

CONFLICT_RULES: Rules = []
WARNING_RULES: Rules = []

# The regions whose names begin like this are in partitions of their own. An account there cannot
# name an account of another partition in a policy.
_OTHER_PARTITIONS = {
    "us-gov-": "AWS GovCloud (US)",
    "cn-": "AWS China",
    "eusc-": "the AWS European Sovereign Cloud",
}


@add_rule(CONFLICT_RULES, OnlyWithDelivery("subscription"))
def _sender_in_another_partition(settings: Settings) -> Iterator[str]:
    region, account = settings.region or "", settings.genesys_account
    for prefix, partition in _OTHER_PARTITIONS.items():
        if region.startswith(prefix) and account in (GENESYS_ACCOUNT, FEDRAMP_ACCOUNT):
            yield (
                f'delivery = "subscription" cannot work in {region}: {partition} refuses a queue '
                f"policy that names {account}, Genesys Cloud's account, which is in another "
                "partition. Deploy to a commercial region (orgs in FedRAMP: us-east-2), and take "
                'the ends from there with the destination "webhook", or set genesys_account if '
                "Genesys Cloud has an account in your partition"
            )


@add_rule(CONFLICT_RULES)
def _half_a_private_network(settings: Settings) -> Iterator[str]:
    subnets, groups = settings.vpc_subnet_ids, settings.vpc_security_group_ids
    if subnets and not groups:
        yield "vpc_security_group_ids is missing: functions in vpc_subnet_ids need at least one"
    if groups and not subnets:
        yield "vpc_subnet_ids is missing: vpc_security_group_ids need the subnets to be used in"


@add_rule(CONFLICT_RULES)
def _key_in_another_region(settings: Settings) -> Iterator[str]:
    for name in ("kms_key_arn", "secret_kms_key_arn"):
        key_region = region_of_arn(getattr(settings, name) or "")
        if key_region and settings.region and key_region != settings.region:
            yield (
                f"{name}: the key is in {key_region}, but the stack will be deployed to "
                f"{settings.region}: name a key there, or choose the region by AWS_REGION"
            )


@add_rule(WARNING_RULES, OnlyWithDelivery("subscription"))
def _sender_without_the_key(settings: Settings) -> Iterator[str]:
    if settings.kms_key_arn:
        yield (
            f"kms_key_arn: the key's policy must admit {settings.genesys_account}, Genesys Cloud's "
            "account, or no event arrives; whether Genesys Cloud can use a key of yours is "
            "unverified (docs/keys.md)"
        )


@add_rule(WARNING_RULES)
def _private_webhook_out_of_reach(settings: Settings) -> Iterator[str]:
    allows_private = "webhook" in settings.destinations and settings.webhook_allow_private
    if allows_private and not settings.vpc_subnet_ids:
        yield (
            "webhook_allow_private: without vpc_subnet_ids, the worker is in no private network "
            "and reaches no private address (docs/network.md)"
        )
