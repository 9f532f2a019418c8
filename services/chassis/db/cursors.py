"""Page cursors: the position of a page's last row, as opaque text that the client sends back as ``after``.

A position is an instant and a key, in the order by which the rows are sorted. The text is base64url; a client
must not read anything into it.
"""

import base64
from datetime import UTC, datetime
from typing import overload
from uuid import UUID

from contracts.errors import InvalidInput


def encode(instant: datetime, key: str | UUID) -> str:
    """Return the cursor of the row with this instant and key.

    Raises:
        ValueError: the instant has no time zone, or the key is empty or has characters that cannot be
            printed.
    """
    text = str(key)
    if instant.tzinfo is None or not text or not text.isprintable():
        raise ValueError("not a position")
    return base64.urlsafe_b64encode(f"{instant.astimezone(UTC).isoformat()} {text}".encode()).decode()


@overload
def decode(text: str) -> tuple[datetime, str]: ...
@overload
def decode(text: str, key_type: type[UUID]) -> tuple[datetime, UUID]: ...
def decode(text: str, key_type: type[str] | type[UUID] = str) -> tuple[datetime, str | UUID]:
    """Return the instant (UTC) and the key of a cursor; ``key_type`` is what the key must parse as.

    Raises:
        InvalidInput: the text did not come from :func:`encode`; the field is ``after``, the code
            ``not_a_cursor``.
    """
    try:
        instant, key = base64.urlsafe_b64decode(text).decode().split(" ", 1)
        position = datetime.fromisoformat(instant), key_type(key)
        if encode(*position) != text:
            raise ValueError("another spelling of a cursor")  # noqa: TRY301  one error for all that is wrong
    except (ValueError, OverflowError) as error:
        raise InvalidInput.of("after", "not_a_cursor") from error
    return position
