"""The ledger's store in DynamoDB: the only room that knows PartiQL and typed values."""
