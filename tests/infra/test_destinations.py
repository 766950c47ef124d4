"""What is deployed for the destinations: for those that are set, and for no others."""

from typing import Any

import pytest

# One process for all that share the costly fixture.
pytestmark = pytest.mark.xdist_group("template")


def test_only_what_is_set_is_deployed(stack: Any, archiving: Any, tuned: Any) -> None:
    kinds = ("AWS::Events::EventBus", "AWS::S3::Bucket", "AWS::KinesisFirehose::DeliveryStream")
    for synthesised, counts in ((stack, [1, 0, 0]), (archiving, [0, 1, 1]), (tuned, [1, 1, 1])):
        assert [len(synthesised.of_type(kind)) for kind in kinds] == counts


def test_the_bus_has_a_name_of_its_own_that_shows_the_stage(stack: Any, tuned: Any) -> None:
    names = [s.properties("Destinations/Bus")["Name"] for s in (stack, tuned)]
    assert [name[: name.index("Destinations")] for name in names] == [
        "QueueEndsdev",
        "QueueEndsprod",
    ]


# The archive


def test_nobody_gets_at_the_archive_in_public_or_without_tls(archiving: Any) -> None:
    properties = archiving.properties("Destinations/Archive/Bucket")
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    bucket = archiving.arn("Destinations/Archive/Bucket")
    policy = archiving.properties("Destinations/Archive/Bucket/Policy")["PolicyDocument"]
    assert policy["Statement"] == [
        {
            "Action": "s3:*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Resource": [bucket, {"Fn::Join": ["", [bucket, "/*"]]}],
        }
    ]


def test_ends_rest_encrypted_in_the_bucket_and_on_the_way_there(archiving: Any) -> None:
    bucket = archiving.properties("Destinations/Archive/Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    stream = archiving.properties("Destinations/Archive/Stream")
    encryption = stream["DeliveryStreamEncryptionConfigurationInput"]
    assert encryption == {"KeyType": "AWS_OWNED_CMK"}


def test_the_archive_gets_cheaper_with_time_and_nothing_in_it_expires(
    archiving: Any, tuned: Any
) -> None:
    for synthesised in (archiving, tuned):
        properties = synthesised.properties("Destinations/Archive/Bucket")
        assert properties["LifecycleConfiguration"]["Rules"] == [
            {
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                "Status": "Enabled",
                "Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}],
            }
        ]


def test_the_stream_writes_gzipped_files_by_day_and_reports_its_errors(archiving: Any) -> None:
    properties = archiving.properties("Destinations/Archive/Stream")
    assert properties["DeliveryStreamType"] == "DirectPut"
    assert properties["ExtendedS3DestinationConfiguration"] == {
        "BucketARN": archiving.arn("Destinations/Archive/Bucket"),
        "RoleARN": archiving.arn("Destinations/Archive/Role"),
        "Prefix": "ends/!{timestamp:yyyy/MM/dd}/",
        "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/",
        "CompressionFormat": "GZIP",
        "BufferingHints": {"IntervalInSeconds": 300, "SizeInMBs": 64},
        "CloudWatchLoggingOptions": {
            "Enabled": True,
            "LogGroupName": {"Ref": archiving.ids["Destinations/Archive/Errors/Logs"]},
            "LogStreamName": {"Ref": archiving.ids["Destinations/Archive/Errors/Stream"]},
        },
    }


def test_the_streams_role_may_write_to_the_archive_and_report_errors(archiving: Any) -> None:
    role = archiving.properties("Destinations/Archive/Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "firehose.amazonaws.com"}
    (policy,) = role["Policies"]
    bucket = archiving.arn("Destinations/Archive/Bucket")
    account = [{"Ref": "AWS::Partition"}, ":logs:", {"Ref": "AWS::Region"}, ":"]
    logs = [
        *account,
        {"Ref": "AWS::AccountId"},
        ":log-group:",
        {"Ref": archiving.ids["Destinations/Archive/Errors/Logs"]},
        ":log-stream:",
        {"Ref": archiving.ids["Destinations/Archive/Errors/Stream"]},
    ]
    assert policy["PolicyDocument"]["Statement"] == [
        {
            "Sid": "FindBucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": bucket,
        },
        {
            "Sid": "WriteObjects",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"],
            "Resource": {"Fn::Join": ["", [bucket, "/*"]]},
        },
        {
            "Sid": "WriteErrors",
            "Effect": "Allow",
            "Action": "logs:PutLogEvents",
            "Resource": {"Fn::Join": ["", ["arn:", *logs]]},
        },
    ]
