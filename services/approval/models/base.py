"""What the tables of approval have in common."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import TIMESTAMP, Date, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase

from contracts.model import (
    Announcement,
    Channel,
    ClosureReason,
    Language,
    MatchKind,
    MatchSettlement,
    NotMetReason,
    PlaceOutcome,
    RejectionReason,
    ReviewStatus,
    Role,
    VisitAnswer,
    VisitOutcome,
)

Words = dict[Language, str]
"""A text by language."""
Json = dict[str, Any]
WHOLE = "all, delete-orphan"
"""Cascade of rows that are stored and deleted with the row that owns them."""


class Base(DeclarativeBase):
    """Base of the tables: instants have a time zone, text has no length, words and details are JSON."""

    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        ReviewStatus: Text,
        MatchKind: Text,
        MatchSettlement: Text,
        RejectionReason: Text,
        ClosureReason: Text,
        Announcement: Text,
        Channel: Text,
        NotMetReason: Text,
        PlaceOutcome: Text,
        VisitAnswer: Text,
        VisitOutcome: Text,
        Role: Text,
        Words: JSONB,
        Json: JSONB(none_as_null=True),
        list[date]: ARRAY(Date),
    }
