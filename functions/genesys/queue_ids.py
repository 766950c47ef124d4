"""The ids of queues, and a short text for many of them."""

import base64
import binascii
import re
from collections.abc import Iterable
from uuid import UUID

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
# The length of 16 bytes in base64, without padding.
_PACKED_CHARACTERS = 22


def is_uuid(queue_id: str) -> bool:
    """Return whether an id is a UUID in lower case, as all queue ids in Genesys Cloud are."""
    return _UUID.fullmatch(queue_id) is not None


def pack_ids(queue_ids: Iterable[str]) -> str:
    """Return the queue ids that are UUIDs as one short text, for an environment variable.

    Other ids are left out, because no queue of Genesys Cloud has one.
    """
    uuids = (UUID(queue_id) for queue_id in queue_ids if is_uuid(queue_id))
    return "".join(base64.urlsafe_b64encode(uuid.bytes).decode().rstrip("=") for uuid in uuids)


def unpack_ids(packed: str) -> tuple[str, ...]:
    """Return the queue ids in a text from `pack_ids`; raise `ValueError` for any other text."""
    try:
        return tuple(
            str(
                UUID(
                    bytes=base64.urlsafe_b64decode(
                        packed[start : start + _PACKED_CHARACTERS] + "=="
                    )
                )
            )
            for start in range(0, len(packed), _PACKED_CHARACTERS)
        )
    except binascii.Error as error:
        raise ValueError(str(error)) from None
