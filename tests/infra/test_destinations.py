"""The AWS resources of the configured destinations."""

from infra.settings.checks import DESTINATIONS
from tests.infra.stacks import Stack, allow_statement, deny_without_tls

ARCHIVE = "Destinations/Archive"


def test_a_stack_can_have_every_destination_that_can_be_set(tuned: Stack) -> None:
    assert set(tuned.settings.destinations) == set(DESTINATIONS)


def test_only_the_destinations_that_are_set_are_deployed(
    stack: Stack, lean: Stack, tuned: Stack
) -> None:
    kinds = ("AWS::Events::EventBus", "AWS::S3::Bucket", "AWS::KinesisFirehose::DeliveryStream")
    for synthesised, counts in ((stack, [1, 0, 0]), (lean, [0, 1, 1]), (tuned, [1, 1, 1])):
        assert [len(synthesised.of_type(kind)) for kind in kinds] == counts


def test_the_bus_has_a_name_of_its_own_that_shows_the_stage(stack: Stack, tuned: Stack) -> None:
    for synthesised, start in ((stack, "QueueEndsdev"), (tuned, "QueueEndsprod")):
        name = synthesised.properties("Destinations/Bus")["Name"]
        assert name.startswith(f"{start}Destinations")


# The archive


def test_nobody_gets_at_the_archive_in_public_or_without_tls(lean: Stack) -> None:
    blocked = lean.properties(f"{ARCHIVE}/Bucket")["PublicAccessBlockConfiguration"]
    assert len(blocked) == 4
    assert all(value is True for value in blocked.values())
    bucket = lean.arn(f"{ARCHIVE}/Bucket")
    assert lean.policy_statements(f"{ARCHIVE}/Bucket") == [
        deny_without_tls([bucket, {"Fn::Join": ["", [bucket, "/*"]]}], "s3:*")
    ]


def test_ends_are_encrypted_in_the_bucket_and_on_the_way_there(lean: Stack) -> None:
    bucket = lean.properties(f"{ARCHIVE}/Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    stream = lean.properties(f"{ARCHIVE}/Stream")
    encryption = stream["DeliveryStreamEncryptionConfigurationInput"]
    assert encryption == {"KeyType": "AWS_OWNED_CMK"}


def test_the_archive_gets_cheaper_with_time_and_expires_only_if_that_is_set(
    lean: Stack, tuned: Stack, company: Stack
) -> None:
    cheaper = {"Transitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}]}
    expected = (
        (lean, cheaper),
        (tuned, {**cheaper, "ExpirationInDays": 730}),
        # After a move, S3 would take the money for 30 days.
        (company, {"ExpirationInDays": 100}),
    )
    for synthesised, rule in expected:
        properties = synthesised.properties(f"{ARCHIVE}/Bucket")
        assert properties["LifecycleConfiguration"]["Rules"] == [
            {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}, "Status": "Enabled"}
            | rule
        ]


def test_the_stream_writes_gzipped_files_by_day_and_reports_its_errors(lean: Stack) -> None:
    properties = lean.properties(f"{ARCHIVE}/Stream")
    assert properties["DeliveryStreamType"] == "DirectPut"
    assert properties["ExtendedS3DestinationConfiguration"] == {
        "BucketARN": lean.arn(f"{ARCHIVE}/Bucket"),
        "RoleARN": lean.arn(f"{ARCHIVE}/Role"),
        "Prefix": "ends/!{timestamp:yyyy/MM/dd}/",
        "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/",
        "CompressionFormat": "GZIP",
        "BufferingHints": {"IntervalInSeconds": 300, "SizeInMBs": 64},
        "CloudWatchLoggingOptions": {
            "Enabled": True,
            "LogGroupName": lean.ref(f"{ARCHIVE}/Errors/Logs"),
            "LogStreamName": lean.ref(f"{ARCHIVE}/Errors/Stream"),
        },
    }


def test_the_streams_role_may_write_to_the_archive_and_report_errors(lean: Stack) -> None:
    role = lean.properties(f"{ARCHIVE}/Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "firehose.amazonaws.com"}
    own_account = {"sts:ExternalId": {"Ref": "AWS::AccountId"}}
    assert trust["Condition"] == {"StringEquals": own_account}
    bucket = lean.arn(f"{ARCHIVE}/Bucket")
    objects = {"Fn::Join": ["", [bucket, "/*"]]}
    account = [{"Ref": "AWS::Region"}, ":", {"Ref": "AWS::AccountId"}, ":log-group:"]
    stream = [
        lean.ref(f"{ARCHIVE}/Errors/Logs"),
        ":log-stream:",
        lean.ref(f"{ARCHIVE}/Errors/Stream"),
    ]
    errors = {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":logs:", *account, *stream]]}
    bucket_actions = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    object_actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    assert lean.role_statements(ARCHIVE) == [
        allow_statement("FindBucket", bucket_actions, bucket),
        allow_statement("WriteObjects", object_actions, objects),
        allow_statement("WriteErrors", "logs:PutLogEvents", errors),
    ]
