"""Lambda functions, each with its role, log group and network."""
