"""The fixed keys of the ledger's items that hold neither an end nor a history.

No id of a conversation or a queue begins with `#`.
"""

# Both parts of the key of the item with the request slots (see `details.request_slots`).
REQUEST_SLOTS_KEY = "#requests"
# The first part of the key of the items with the backfill's cursors (see `backfill.cursor`).
BACKFILL_KEY = "#backfill"
# Both parts of the key of the item with the lease of the watchdog's runs.
WATCHDOG_KEY = "#watchdog"
