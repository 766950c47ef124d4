"""The ledger's table in DynamoDB, which implements the domain's `LedgerStore`."""

from dynamodb.reads import TableReader
from dynamodb.writes import TableWriter


class LedgerTable(TableWriter, TableReader):
    """A `LedgerStore` that keeps the items in a DynamoDB table."""
