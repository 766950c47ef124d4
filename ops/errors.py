"""The errors and exit statuses of the commands."""

from enum import IntEnum


class Status(IntEnum):
    """The exit statuses of all commands.

    Attributes
    ----------
    OK
        The command did what it says, and found nothing wrong.
    PROBLEM
        The command ran and found a problem, or could not complete its work. Its output says which.
    USAGE
        The command line is wrong, or a confirmation is needed and cannot be asked for.
    UNAVAILABLE
        The command could not run: no access to AWS, no such stack, or invalid settings.
    DECLINED
        The operator did not confirm. Nothing was changed.
    """

    OK = 0
    PROBLEM = 1
    USAGE = 2
    UNAVAILABLE = 3
    DECLINED = 4


class OpsError(Exception):
    """A command cannot go on; the message says why, and what to do."""

    def __init__(self, message: str, status: Status = Status.UNAVAILABLE) -> None:
        super().__init__(message)
        self.status = status
