"""The tables of approval, by subject. A row is imported from its module; here all of them are registered."""

from services.approval.models import directory, places, reviews, visits, watchlist
from services.approval.models.base import Base

__all__ = ["Base", "directory", "places", "reviews", "visits", "watchlist"]
