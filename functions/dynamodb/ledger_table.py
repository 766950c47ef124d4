"""The ledger's table in DynamoDB, as the `LedgerStore` of the domain."""

from dynamodb.reads import TableReads
from dynamodb.writes import TableWrites


class LedgerTable(TableWrites, TableReads):
    """The table, by its name and a client; the domain's `LedgerStore` says what it does."""
