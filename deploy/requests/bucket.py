"""Requests for the project's bucket: private, encrypted, and free of what a broken upload leaves behind."""

from typing import Any

DEFAULT_REGION = "us-east-1"  # the only one that CreateBucket refuses as a location
DAYS_OF_PARTS = 7  # after which the parts of an upload that never ended are deleted, as they cost money unseen


def create_bucket(bucket: str, region: str) -> dict[str, Any]:
    """Versioning stays off, as it is in a new bucket: the data is a copy of what lies at home."""
    place = {} if region == DEFAULT_REGION else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    return {"Bucket": bucket, **place}


def bucket_settings(bucket: str, tags: list[dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Operation -> request, of everything that the project's bucket is set to. Tags first: teardown goes by them."""
    private = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    clean_up = {
        "ID": "abandoned-parts",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": DAYS_OF_PARTS},
    }
    return {
        "PutBucketTagging": {"Bucket": bucket, "Tagging": {"TagSet": tags}},
        "PutPublicAccessBlock": {
            "Bucket": bucket,
            "PublicAccessBlockConfiguration": dict.fromkeys(private, True),
        },
        "PutBucketEncryption": {
            "Bucket": bucket,
            "ServerSideEncryptionConfiguration": {"Rules": [encryption]},
        },
        "PutBucketLifecycleConfiguration": {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [clean_up]}},
    }
