"""A checksum of a set of texts: the same in every database, in whatever order they are stored."""

from sqlalchemy import BigInteger, ColumnElement, cast, func
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import InstrumentedAttribute


def checksum(column: ColumnElement[str] | InstrumentedAttribute[str]) -> ColumnElement[int]:
    """Return an aggregate: the sum of the first 32 bits of each text's MD5; 0 where there is none."""
    bits = cast(func.concat("x", func.left(func.md5(column), 8)), BIT(32))
    return cast(func.coalesce(func.sum(cast(bits, BigInteger)), 0), BigInteger)
