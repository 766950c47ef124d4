"""Makes MiniStack's services ask for the permissions that AWS's services need.

On AWS, Lambda reads a queue and writes logs with the role of the function, Firehose writes to S3
with the role of the stream, a service uses a resource's KMS key in the caller's name, and
EventBridge and CloudWatch need the permission of their target. MiniStack does all of this without a
permission. This module runs inside MiniStack.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ministack import app  # type: ignore[import-untyped]
from ministack.core import iam_evaluator, responses  # type: ignore[import-untyped]
from ministack.services import (  # type: ignore[import-untyped]
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    eventbridge,
    firehose,
    iam,
    kms,
    lambda_svc,
    s3,
    secretsmanager,
    sns,
    sqs,
)

from local.aws import policies

_list_mappings = lambda_svc._iter_all_esms
_write_lambda_log = lambda_svc._emit_lambda_logs
_deliver_to_s3 = firehose._deliver_to_s3
_invoke_target = eventbridge._invoke_target
_run_alarm_actions = cloudwatch._dispatch_alarm_actions

_enforce = iam_evaluator.enforce

Use = tuple[str, str, dict[str, Any]]
"""An action, the ARN of its resource, and the condition keys of the request."""
WRITING = ("kms:Decrypt", "kms:GenerateDataKey")
KEY_ACTIONS = {
    # See "Key management" in the Amazon SQS Developer Guide.
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    "sqs:SendMessage": WRITING,
    # See "Secret encryption and decryption in AWS Secrets Manager" in its User Guide.
    "secretsmanager:GetSecretValue": ("kms:Decrypt",),
    # See "Grant Firehose access to an Amazon S3 destination" in the Amazon Data Firehose Guide.
    "s3:PutObject": WRITING,
}
TABLE_KEY_ACTIONS = ("kms:Decrypt",)
"""What each action on a table needs (see "DynamoDB encryption at rest usage notes" in the Amazon
DynamoDB Developer Guide)."""
POLLING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
"""See "Using Lambda with Amazon SQS" in the AWS Lambda Developer Guide."""
LOG_WRITING = ("logs:CreateLogStream", "logs:PutLogEvents")
"""See "AWSLambdaBasicExecutionRole" in the AWS Managed Policy Reference."""
BUCKET_FINDING = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
OBJECT_WRITING = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
"""See "Grant Firehose access to an Amazon S3 destination" in the Amazon Data Firehose Guide."""


def install() -> None:
    """Make the services ask for permissions, if IAM is enforced."""
    if not app.AUTH:
        return
    lambda_svc._iter_all_esms = list_mappings
    lambda_svc._emit_lambda_logs = write_lambda_log
    firehose._deliver_to_s3 = deliver_to_s3
    eventbridge._invoke_target = invoke_target
    cloudwatch._dispatch_alarm_actions = run_alarm_actions
    iam_evaluator.enforce = enforce


def role_allows(
    role_arn: str, action: str, resource_arn: str, context: Mapping[str, Any] | None = None
) -> bool:
    """Return whether a role's policies allow a service to do something in the role's name."""
    account, role_name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    role = iam._roles.get_scoped(account, None, role_name) or {}
    attached = [
        iam_evaluator._resolve_managed_policy_document(arn, account)
        for arn in role.get("AttachedPolicies", [])
    ]
    documents = [*role.get("InlinePolicies", {}).values(), *filter(None, attached)]
    is_allowed = policies.role_may(documents, action, resource_arn, context)
    if not is_allowed:
        _log_refusal(action)
    return is_allowed


def _log_refusal(action: str) -> None:
    """Write a refused action into the emulator's log."""
    print(f"{policies.REFUSED}{action}", flush=True)


def list_mappings() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the event source mappings whose functions' roles may read the queues.

    As on AWS, the others say what is missing in their `LastProcessingResult`. They also say when
    this was seen, so that a new problem differs from an old one.
    """
    for account, region, mapping in _list_mappings():
        arn = mapping["EventSourceArn"]
        if ":sqs:" in arn:
            function = lambda_svc._functions.get_scoped(account, region, mapping["FunctionName"])
            if function and (missing := _missing_for_polling(function["config"]["Role"], arn)):
                problem = f"PROBLEM: At {time.time():.6f}, the role lacks {', '.join(missing)}."
                mapping["LastProcessingResult"] = problem
                continue
            if mapping["LastProcessingResult"].startswith("PROBLEM"):
                mapping["LastProcessingResult"] = "No records processed"
        yield account, region, mapping


def _missing_for_polling(role_arn: str, queue_arn: str) -> list[str]:
    needed: list[Use] = [(action, queue_arn, {}) for action in POLLING]
    needed += key_uses("sqs:ReceiveMessage", queue_arn)
    return _missing(role_arn, needed)


def _missing(role_arn: str, needed: Iterable[Use]) -> list[str]:
    return [
        action for action, arn, context in needed if not role_allows(role_arn, action, arn, context)
    ]


def write_lambda_log(function: dict[str, Any], *arguments: Any, **options: Any) -> None:
    """Write an invocation's log, if the function's role may do so."""
    config = function.get("config") or function
    named = (config.get("LoggingConfig") or {}).get("LogGroup")
    group = named or f"/aws/lambda/{config['FunctionName']}"
    stream_arn = _log_stream_arn(group, "new")
    if all(role_allows(config["Role"], action, stream_arn) for action in LOG_WRITING):
        _write_lambda_log(function, *arguments, **options)


def _log_stream_arn(group: str, stream: str) -> str:
    return f"{cloudwatch_logs._make_group_arn(group).removesuffix(':*')}:log-stream:{stream}"


def deliver_to_s3(
    stream: dict[str, Any], destination: dict[str, Any], *arguments: Any, **options: Any
) -> None:
    """Write records to the bucket if the stream's role may do so, otherwise an error to the log."""
    config = destination["config"]
    bucket, role_arn = config["BucketARN"], config["RoleARN"]
    needed: list[Use] = [(action, bucket, {}) for action in BUCKET_FINDING]
    needed += [(action, f"{bucket}/ends", {}) for action in OBJECT_WRITING]
    needed += key_uses("s3:PutObject", bucket)
    if missing := _missing(role_arn, needed):
        _write_firehose_error(config, f"The role lacks {', '.join(missing)}.")
    else:
        _deliver_to_s3(stream, destination, *arguments, **options)


def _write_firehose_error(config: dict[str, Any], message: str) -> None:
    logging = config["CloudWatchLoggingOptions"]
    group, stream = logging["LogGroupName"], logging["LogStreamName"]
    stream_arn = _log_stream_arn(group, stream)
    if role_allows(config["RoleARN"], "logs:PutLogEvents", stream_arn):
        now_ms = int(time.time() * 1000)
        entry = {"timestamp": now_ms, "message": message, "ingestionTime": now_ms}
        streams = cloudwatch_logs._log_groups[group]["streams"]
        cloudwatch_logs._append_log_events(streams[stream], [entry])


def invoke_target(
    target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], *arguments: Any
) -> None:
    """Send an event to a rule's target, if the target's policy lets EventBridge do so."""
    arn, rule_arn = target["Arn"], rule["Arn"]
    service = arn.split(":")[2]
    allowed = True
    if service == "sqs":
        policy, _ = sqs.queue_policy_for_arn(arn) or (None, None)
        allowed = policies.service_may(
            policy, "events.amazonaws.com", "sqs:SendMessage", arn, source_arn=rule_arn
        )
    elif service == "lambda":
        policy, _ = lambda_svc.function_policy_for_arn(arn) or (None, None)
        allowed = policies.service_may(
            policy, "events.amazonaws.com", "lambda:InvokeFunction", arn, source_arn=rule_arn
        )
    if allowed:
        _invoke_target(target, event, rule, *arguments)


def run_alarm_actions(alarm: dict[str, Any], *arguments: Any) -> None:
    """Notify the SNS topics of an alarm that let CloudWatch publish."""
    arn = alarm["AlarmArn"]
    fields = ("AlarmActions", "OKActions", "InsufficientDataActions")
    permitted = {
        field: [
            topic
            for topic in alarm.get(field) or []
            if policies.service_may(
                (sns.topic_policy_for_arn(topic) or (None, None))[0],
                "cloudwatch.amazonaws.com",
                "sns:Publish",
                topic,
                source_arn=arn,
            )
        ]
        for field in fields
    }
    _run_alarm_actions({**alarm, **permitted}, *arguments)


def enforce(  # noqa: PLR0917 - the parameters are MiniStack's
    access_key: str,
    action: str,
    service: str,
    region: str,
    resource_arn: str = "*",
    service_context: dict[str, Any] | None = None,
) -> Any:
    """Return None if a request is allowed, otherwise the reason for its refusal."""
    uses = [(action, service, resource_arn, service_context)]
    uses += [(action, "kms", arn, keys) for action, arn, keys in key_uses(action, resource_arn)]
    for one, its_service, arn, context in uses:
        if denied := _enforce(access_key, one, its_service, region, arn, context):
            _log_refusal(one)
            return denied
    return None


def key_uses(action: str, resource_arn: str) -> list[Use]:
    """Return how AWS uses the key of a resource for an action; empty if the user has no key."""
    service = action.partition(":")[0]
    actions = TABLE_KEY_ACTIONS if service == "dynamodb" else KEY_ACTIONS.get(action, ())
    key = kms._resolve_key(_key_of(service, resource_arn)) if actions else None
    if not key:
        return []
    aliases = [
        arn.rpartition(":")[2] for arn, key_id in kms._aliases.items() if key_id == key["KeyId"]
    ]
    context: dict[str, Any] = {
        "kms:ViaService": f"{service}.{responses.get_region()}.amazonaws.com",
        "kms:ResourceAliases": aliases,
    }
    if service == "secretsmanager":
        context["kms:EncryptionContext:SecretARN"] = resource_arn
    if service == "s3":
        context["kms:EncryptionContext:aws:s3:arn"] = resource_arn
    return [(each, key["Arn"], context) for each in actions]


def _key_of(service: str, resource_arn: str) -> str | None:
    """Return the id, the ARN or the alias of a resource's key, as its owner has given it."""
    name = resource_arn.rpartition(":")[2].partition("/")[2]
    match service:
        case "sqs":
            queue = sqs._queue_by_arn(resource_arn) or {"attributes": {}}
            key = queue["attributes"].get("KmsMasterKeyId")
        case "secretsmanager":
            _, secret = secretsmanager._resolve(resource_arn)
            key = (secret or {}).get("KmsKeyId")
        case "dynamodb":
            table = dynamodb._tables.get(name) or {}
            key = (table.get("SSEDescription") or {}).get("KMSMasterKeyArn")
        case _:
            configuration = s3._bucket_encryption.get(resource_arn.rpartition(":")[2]) or ""
            found = re.search(r"<KMSMasterKeyID>(.*?)</KMSMasterKeyID>", configuration)
            key = found[1] if found else None
    return str(key) if key else None
