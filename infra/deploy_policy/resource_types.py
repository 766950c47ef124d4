"""The permissions that CloudFormation needs for each type of resource.

The actions are from the handlers in the CloudFormation resource schemas, without those of features
that Queue Ends does not use. A test compares the two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ResourceType:
    """What CloudFormation needs to create, read, update, tag and delete resources of one type.

    Attributes
    ----------
    actions
        The actions, of the service that `arns` begin with.
    arns
        The resources' ARNs after the partition. `{name}` stands for a resource's name.
    name_property
        The property that holds the name, if the template can choose it.
    part_of
        The type whose ARNs apply too, if the template always has it and they are the same.
    optional_actions
        Further actions by the property that needs them.
    kept_characters
        How much of the stack's name is surely in a name that CloudFormation makes up. Where such a
        name would be too long for the service, CloudFormation gives half of what its 12 random
        characters and two hyphens leave to the stack's name, and half to the logical id.
    """

    actions: str
    arns: tuple[str, ...] = ()
    name_property: str | None = None
    part_of: str | None = None
    optional_actions: Mapping[str, str] = field(default_factory=dict)
    kept_characters: int = 24  # of 63, which an S3 bucket's name has; no other limit is lower


_OWN_TAGS = "TagResource UntagResource ListTagsForResource"

RESOURCE_TYPES = {
    "AWS::CloudWatch::Alarm": ResourceType(
        f"PutMetricAlarm DeleteAlarms DescribeAlarms {_OWN_TAGS}",
        ("cloudwatch:{region}:{account}:alarm:{name}",),
        "AlarmName",
    ),
    "AWS::CloudWatch::CompositeAlarm": ResourceType(
        f"PutCompositeAlarm DeleteAlarms DescribeAlarms {_OWN_TAGS}",
        part_of="AWS::CloudWatch::Alarm",
    ),
    "AWS::CloudWatch::Dashboard": ResourceType(
        f"PutDashboard GetDashboard DeleteDashboards {_OWN_TAGS}",
        ("cloudwatch::{account}:dashboard/{name}",),
        "DashboardName",
    ),
    "AWS::DynamoDB::Table": ResourceType(
        "CreateTable DescribeTable UpdateTable DeleteTable DescribeTimeToLive UpdateTimeToLive "
        "DescribeContinuousBackups UpdateContinuousBackups DescribeContributorInsights "
        "DescribeKinesisStreamingDestination GetResourcePolicy ListTagsOfResource TagResource "
        "UntagResource",
        ("dynamodb:{region}:{account}:table/{name}",),
        "TableName",
    ),
    "AWS::Events::Archive": ResourceType(
        "CreateArchive DescribeArchive UpdateArchive DeleteArchive",
        ("events:{region}:{account}:archive/{name}", "events:{region}:{account}:event-bus/{bus}"),
        "ArchiveName",
        kept_characters=17,  # of 48
    ),
    "AWS::Events::EventBus": ResourceType(
        f"CreateEventBus DescribeEventBus UpdateEventBus DeleteEventBus {_OWN_TAGS}",
        ("events:{region}:{account}:event-bus/{name}",),
        "Name",
    ),
    "AWS::Events::Rule": ResourceType(
        f"PutRule DescribeRule DeleteRule PutTargets RemoveTargets ListTargetsByRule {_OWN_TAGS}",
        ("events:{region}:{account}:rule/{name}",),
        "Name",
    ),
    "AWS::IAM::Role": ResourceType(
        "CreateRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy DeleteRole "
        "PutRolePolicy GetRolePolicy DeleteRolePolicy ListRolePolicies ListAttachedRolePolicies "
        "TagRole UntagRole",
        ("iam::{account}:role{name}",),
        "RoleName",
        optional_actions={"ManagedPolicyArns": "AttachRolePolicy DetachRolePolicy"},
    ),
    "AWS::KinesisFirehose::DeliveryStream": ResourceType(
        "CreateDeliveryStream DescribeDeliveryStream UpdateDestination DeleteDeliveryStream "
        "StartDeliveryStreamEncryption StopDeliveryStreamEncryption TagDeliveryStream "
        "UntagDeliveryStream ListTagsForDeliveryStream",
        ("firehose:{region}:{account}:deliverystream/{name}",),
        "DeliveryStreamName",
    ),
    "AWS::Lambda::EventInvokeConfig": ResourceType(
        "PutFunctionEventInvokeConfig GetFunctionEventInvokeConfig UpdateFunctionEventInvokeConfig "
        "DeleteFunctionEventInvokeConfig",
        part_of="AWS::Lambda::Function",
    ),
    "AWS::Lambda::EventSourceMapping": ResourceType(
        "CreateEventSourceMapping UpdateEventSourceMapping DeleteEventSourceMapping "
        "GetEventSourceMapping ListTags TagResource UntagResource",
        # Lambda makes up a mapping's id.
        ("lambda:{region}:{account}:event-source-mapping:*",),
    ),
    "AWS::Lambda::Function": ResourceType(
        "CreateFunction GetFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction "
        "PutFunctionConcurrency DeleteFunctionConcurrency PutFunctionRecursionConfig "
        "GetFunctionRecursionConfig GetRuntimeManagementConfig GetFunctionCodeSigningConfig "
        "GetFunctionScalingConfig ListTags TagResource UntagResource",
        ("lambda:{region}:{account}:function:{name}",),
        "FunctionName",
    ),
    "AWS::Lambda::Permission": ResourceType(
        "AddPermission RemovePermission GetPolicy", part_of="AWS::Lambda::Function"
    ),
    "AWS::Logs::LogGroup": ResourceType(
        "CreateLogGroup DescribeLogGroups DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy "
        "AssociateKmsKey DisassociateKmsKey GetDataProtectionPolicy DeleteDataProtectionPolicy "
        f"DescribeIndexPolicies DescribeResourcePolicies {_OWN_TAGS}",
        ("logs:{region}:{account}:log-group:{name}",),
        "LogGroupName",
    ),
    "AWS::Logs::LogStream": ResourceType(
        "CreateLogStream DescribeLogStreams DeleteLogStream", part_of="AWS::Logs::LogGroup"
    ),
    "AWS::S3::Bucket": ResourceType(
        "CreateBucket DeleteBucket ListBucket PutBucketTagging GetBucketTagging TagResource "
        "UntagResource ListTagsForResource PutEncryptionConfiguration GetEncryptionConfiguration "
        "PutLifecycleConfiguration GetLifecycleConfiguration PutBucketPublicAccessBlock "
        "GetBucketPublicAccessBlock GetAccelerateConfiguration GetAnalyticsConfiguration "
        "GetBucketAbac GetBucketCORS GetBucketLogging GetBucketMetadataTableConfiguration "
        "GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls "
        "GetBucketVersioning GetBucketWebsite GetIntelligentTieringConfiguration "
        "GetInventoryConfiguration GetMetricsConfiguration GetReplicationConfiguration",
        ("s3:::{name}",),
        "BucketName",
    ),
    "AWS::S3::BucketPolicy": ResourceType(
        "GetBucketPolicy PutBucketPolicy DeleteBucketPolicy", part_of="AWS::S3::Bucket"
    ),
    "AWS::SNS::Subscription": ResourceType(
        "Subscribe Unsubscribe GetSubscriptionAttributes SetSubscriptionAttributes",
        part_of="AWS::SNS::Topic",
    ),
    "AWS::SNS::Topic": ResourceType(
        "CreateTopic GetTopicAttributes SetTopicAttributes DeleteTopic ListSubscriptionsByTopic "
        f"GetDataProtectionPolicy {_OWN_TAGS}",
        ("sns:{region}:{account}:{name}",),
        "TopicName",
    ),
    "AWS::SNS::TopicPolicy": ResourceType("SetTopicAttributes", part_of="AWS::SNS::Topic"),
    "AWS::SQS::Queue": ResourceType(
        "CreateQueue GetQueueUrl GetQueueAttributes SetQueueAttributes DeleteQueue ListQueueTags "
        "TagQueue UntagQueue",
        ("sqs:{region}:{account}:{name}",),
        "QueueName",
    ),
    "AWS::SQS::QueuePolicy": ResourceType("SetQueueAttributes", part_of="AWS::SQS::Queue"),
}

UNBOUND_ACTIONS = {
    "cloudwatch:DescribeAlarms": "CloudWatch shows composite alarms only to the scope *.",
    "cloudwatch:PutCompositeAlarm": "CloudWatch takes composite alarms only from the scope *.",
    "ec2:DescribeNetworkInterfaces": "EC2 knows no resource for it.",
    "ec2:DescribeSecurityGroups": "EC2 knows no resource for it.",
    "ec2:DescribeSubnets": "EC2 knows no resource for it.",
    "ec2:DescribeVpcs": "EC2 knows no resource for it.",
    "lambda:CreateEventSourceMapping": "Lambda knows no resource for it; a condition binds it.",
    "logs:DescribeIndexPolicies": "CloudWatch Logs knows no resource for it.",
    "logs:DescribeLogGroups": "CloudWatch Logs knows no resource for it.",
    "logs:DescribeResourcePolicies": "CloudWatch Logs knows no resource for it.",
}
"""The actions that are allowed on the resource `*`, each with the reason."""
