"""The SQS-triggered function: a batch of messages in, the ones to retry out."""
