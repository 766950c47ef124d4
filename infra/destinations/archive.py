"""The archive: a Firehose stream that writes ends to an S3 bucket."""

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from ..findings import acknowledge
from ..function.keys import key_statement, stack_key
from ..function.log_group import make_log_group
from ..function.role import make_role
from ..settings.settings import Settings

# After this time, objects move to the storage class Infrequent Access, in which an object costs at
# least 30 days (see "Amazon S3 Storage Classes").
_DAYS_BEFORE_MOVE = 90
_LEAST_DAYS_PAID = 30


class Archive(Construct):
    """The Firehose stream and the S3 bucket that it writes to.

    The bucket outlives the stack if the setting `protect` is true. If `protect` is false, an
    operator must empty the bucket before CloudFormation can delete it with the stack.

    Attributes
    ----------
    bucket
        The bucket. It has a folder for each day, with gzipped JSON Lines files. They expire after
        `archive_expiry_days`, if this setting is not 0.
    stream
        The Firehose stream.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        key = stack_key(self, settings)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,  # fewer requests to KMS
            enforce_ssl=True,
            lifecycle_rules=[_lifecycle_rule(settings.archive_expiry_days)],
            removal_policy=RemovalPolicy.RETAIN if settings.protect else RemovalPolicy.DESTROY,
        )
        error_scope = Construct(self, "Errors")
        log_group = make_log_group(error_scope, settings)
        log_stream = logs.LogStream(
            error_scope, "Stream", log_group=log_group, removal_policy=RemovalPolicy.DESTROY
        )
        role = make_role(
            self,
            settings=settings,
            noun="archive",
            service="firehose.amazonaws.com",
            # Firehose passes the stream's account as the external id, so that nobody can make it
            # use this role for a stream of another account. "Step 1: Create a Firehose delivery
            # stream" in the CloudWatch Logs user guide has this trust for a stream to S3, and no
            # aws:SourceAccount.
            trust_conditions={"StringEquals": {"sts:ExternalId": Stack.of(self).account}},
            statements=[
                *_role_statements(self.bucket, log_group, log_stream),
                *_key_statements(self.bucket, settings.kms_key_arn),
            ],
        )
        # The id of the finding AwsSolutions-IAM5 contains the bucket's logical id.
        bucket_logical_id, _ = Stack.of(self).resolve(self.bucket.bucket_arn)["Fn::GetAtt"]
        acknowledge(
            self,
            {
                "AwsSolutions-S1": (
                    "Access logs need a second bucket, which would outlive the stack. CloudTrail's "
                    "data events can record who reads objects."
                ),
                f"AwsSolutions-IAM5[Resource::<{bucket_logical_id}.Arn>/*]": (
                    "Firehose puts the time into each object's name."
                ),
            },
        )
        self.stream = firehose.CfnDeliveryStream(
            self,
            "Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=(
                firehose.CfnDeliveryStream.DeliveryStreamEncryptionConfigurationInputProperty(
                    key_type="CUSTOMER_MANAGED_CMK" if key else "AWS_OWNED_CMK",
                    key_arn=settings.kms_key_arn,
                )
            ),
            extended_s3_destination_configuration=(
                firehose.CfnDeliveryStream.ExtendedS3DestinationConfigurationProperty(
                    bucket_arn=self.bucket.bucket_arn,
                    role_arn=role.role_arn,
                    prefix="ends/!{timestamp:yyyy/MM/dd}/",
                    error_output_prefix=(
                        "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/"
                    ),
                    compression_format="GZIP",
                    buffering_hints=firehose.CfnDeliveryStream.BufferingHintsProperty(
                        interval_in_seconds=300, size_in_m_bs=64
                    ),
                    cloud_watch_logging_options=(
                        firehose.CfnDeliveryStream.CloudWatchLoggingOptionsProperty(
                            enabled=True,
                            log_group_name=log_group.log_group_name,
                            log_stream_name=log_stream.log_stream_name,
                        )
                    ),
                )
            ),
        )


def _lifecycle_rule(expiry_days: int) -> s3.LifecycleRule:
    # S3 does not move objects under 128 KB: the move would cost more than it saves.
    move = s3.Transition(
        storage_class=s3.StorageClass.INFREQUENT_ACCESS,
        transition_after=Duration.days(_DAYS_BEFORE_MOVE),
    )
    pays_off = not expiry_days or expiry_days >= _DAYS_BEFORE_MOVE + _LEAST_DAYS_PAID
    return s3.LifecycleRule(
        transitions=[move] if pays_off else None,
        expiration=Duration.days(expiry_days) if expiry_days else None,
        abort_incomplete_multipart_upload_after=Duration.days(7),
    )


def _role_statements(
    bucket: s3.Bucket, log_group: logs.LogGroup, log_stream: logs.LogStream
) -> list[iam.PolicyStatement]:
    log_stream_arn = Stack.of(bucket).format_arn(
        service="logs",
        resource="log-group",
        resource_name=f"{log_group.log_group_name}:log-stream:{log_stream.log_stream_name}",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        iam.PolicyStatement(
            sid="FindBucket",
            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            resources=[bucket.bucket_arn],
        ),
        iam.PolicyStatement(
            sid="WriteObjects",
            actions=["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"],
            resources=[bucket.arn_for_objects("*")],
        ),
        iam.PolicyStatement(
            sid="WriteErrors", actions=["logs:PutLogEvents"], resources=[log_stream_arn]
        ),
    ]


def _key_statements(bucket: s3.Bucket, key_arn: str | None) -> list[iam.PolicyStatement]:
    """Return the permission to encrypt objects with the key; nothing if there is no key.

    For the records in the stream, Firehose gives itself a grant when the stream is made.
    """
    if key_arn is None:
        return []
    # With a bucket key, S3 passes the bucket's ARN to KMS, not the object's.
    context = {"kms:EncryptionContext:aws:s3:arn": bucket.bucket_arn}
    actions = {"kms:Decrypt", "kms:GenerateDataKey"}
    return [key_statement(bucket, "UseKeyOfBucket", key_arn, "s3", actions, equals=context)]
