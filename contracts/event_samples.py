"""The golden bytes of each event: ``contracts/samples/<event>.v<version>.json``.

Usage: python -m contracts.event_samples [--check], which adds the files that are missing. A file is never
written again: a message on the wire, in a dead letter or in the stream comes from older code.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from contracts.envelope import Envelope, PersonalKeyRing, seal
from contracts.events import ALL, Event

FOLDER = Path(__file__).with_name("samples")
KEY = "c2FtcGxlcyBvbmx5LCBub3QgYSBzZWNyZXQuLi4uLi4="
"""Seals the samples, and nothing else."""
ID = UUID("0195f3a2-0000-7000-8000-000000000001")
AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def file_of(event: type[Event]) -> Path:
    """Return the file with the golden bytes of an event's present version."""
    return FOLDER / f"{event.__name__}.v{event.version}.json"


def envelope_of(event: type[Event]) -> Envelope:
    """Return the envelope of an event's example, without a signature."""
    sample = event.sample()
    data, personal = seal(sample, ID, PersonalKeyRing([KEY]))
    return Envelope(
        id=ID,
        type=event.__name__,
        version=event.version,
        producer=event.producer,
        subject=sample.subject,
        seq=3,
        occurred_at=AT,
        correlation_id="sample",
        data=data,
        personal=personal,
    )


def main() -> int:
    """Write the files that are missing. With ``--check``, return 1 if there are any."""
    missing = [event for event in ALL if not file_of(event).exists()]
    for event in missing:
        if "--check" in sys.argv:
            sys.stdout.write(f"{file_of(event).name} is missing: run `make contracts`\n")
        else:
            file_of(event).write_bytes(envelope_of(event).to_bytes() + b"\n")
    return 1 if missing and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
