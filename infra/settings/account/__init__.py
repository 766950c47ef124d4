"""The settings that fit a stack to the AWS account and region that it is deployed to."""
