"""The DynamoDB implementation of the ledger's store. No other room uses PartiQL or typed values."""
