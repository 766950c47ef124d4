"""The state of our own stack, which decides whether the watchdog may change Genesys Cloud.

A deploy and the watchdog must not change the same resource at the same time. Nothing locks the
resource for both, so the watchdog gives way:

- It heals only if the stack is settled, that is, if CloudFormation is not working on it and its
  resources are those of its template. Only then are the properties that the watchdog knows the ones
  that the resource should have. A stack that failed halfway needs its operator first.
- A deploy may begin after that check. Then the deploy, or the watchdog's next run, has the last
  word: the next run knows the new properties. So a deploy needs no clean-up.
- A destroy may begin after that check, and look for the resource before the watchdog has created
  it. So the watchdog reads the state again after it has made changes, and after Genesys Cloud's
  lists show the resource. If the stack is being deleted, the watchdog removes the resource. If the
  stack is not, a later destroy finds the resource.
"""

# `UPDATE_COMPLETE_CLEANUP_IN_PROGRESS` is missing, because CloudFormation still deletes replaced
# resources. `UPDATE_FAILED` and `UPDATE_ROLLBACK_FAILED` are missing, because some resources have
# the properties of one template, and some of the other.
_SETTLED = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)


def is_settled(status: str) -> bool:
    """Return whether CloudFormation has finished, and the resources are those of the template."""
    return status in _SETTLED


def is_being_deleted(status: str) -> bool:
    """Return whether a stack is being deleted, or gone, or could not be deleted completely."""
    return status.startswith("DELETE_")
