"""A checksum of a set of texts: the same in every database, in whatever order they are stored."""

from sqlalchemy import BigInteger, ColumnElement, cast, func
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import InstrumentedAttribute


def checksum(
    column: ColumnElement[str] | InstrumentedAttribute[str], which: ColumnElement[bool]
) -> ColumnElement[int]:
    """Return an aggregate of some rows: the sum of the first 32 bits of each MD5; 0 where there is none."""
    bits = cast(func.concat("x", func.left(func.md5(column), 8)), BIT(32))
    return cast(func.coalesce(func.sum(cast(bits, BigInteger)).filter(which), 0), BigInteger)
