"""The ledger's store in DynamoDB. No other package uses PartiQL or DynamoDB's typed values."""
