"""The sequence of the checks. Each names the earlier checks that it needs."""

from ops.doctor import account, deployed_stack, genesys_cloud, intake, machine
from ops.doctor.checks import LOGIN, Check

ACCOUNT, SETTINGS, SECRET = "AWS account", "Settings", "Genesys Cloud secret"
DELIVERY, STACK = "Delivery", "Deployed stack"

CHECKS = (
    Check("Python", machine.check_python),
    Check("Node.js", machine.check_node),
    Check("CDK CLI", machine.check_cdk),
    Check(ACCOUNT, account.check_account),
    Check("CDK bootstrap", account.check_bootstrap, (ACCOUNT,)),
    Check(SETTINGS, account.check_settings),
    Check(SECRET, account.check_genesys_secret, (ACCOUNT, SETTINGS)),
    Check("Webhook secret", account.check_webhook_secret, (ACCOUNT, SETTINGS)),
    Check(LOGIN, genesys_cloud.check_login, (SETTINGS, SECRET)),
    Check(DELIVERY, genesys_cloud.check_delivery, (LOGIN,)),
    Check("Permissions", genesys_cloud.check_permissions, (LOGIN, DELIVERY)),
    Check("Queues", genesys_cloud.check_queues, (LOGIN,)),
    Check("Analytics permission", genesys_cloud.check_analytics, (LOGIN,)),
    Check(STACK, deployed_stack.check_stack, (ACCOUNT,)),
    Check("Deployed settings", deployed_stack.check_deployed_settings, (STACK, SETTINGS)),
    Check(
        "Subscription or integration", deployed_stack.check_event_source, (ACCOUNT, LOGIN, DELIVERY)
    ),
    Check("Intake queue's policy", intake.check_policy, (STACK, SETTINGS)),
    Check("Event source mapping", intake.check_mapping, (STACK,)),
    Check("Intake queue", intake.check_accumulation, (STACK,)),
    Check("Dead letters", intake.check_dead_letters, (STACK,)),
    Check("Alarms", intake.check_alarms, (STACK,)),
    Check("Recent messages", intake.check_recent_messages, (STACK,)),
)
