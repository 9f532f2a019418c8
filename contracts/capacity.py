"""How many visitors a department takes: hours by weekday, places in each window, and dates off."""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from contracts.model import Strict, TimeOfDay


class VisitingDay(Strict):
    """The hours of one weekday in which a department receives visitors, Indian Standard Time.

    Args:
        weekday: 0 is Monday.
        opens: start of the first window.
        closes: end of the last window.
        places: how many people each window takes, companions included.
    """

    weekday: int = Field(ge=0, le=6)
    opens: TimeOfDay
    closes: TimeOfDay
    places: int = Field(ge=1, le=5_000)

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError("visiting hours end after they start")
        return self


class Capacity(Strict):
    """What a department takes. A weekday that is not named receives no visitors.

    Args:
        window_minutes: the length of a window; the first one starts when the department opens.
        days: at most one entry for each weekday.
        closed: dates on which the department receives nobody, whatever the weekday.
    """

    window_minutes: int = Field(default=60, ge=15, le=720)
    days: tuple[VisitingDay, ...] = Field(max_length=7)
    closed: tuple[date, ...] = Field(default=(), max_length=200)

    @model_validator(mode="after")
    def _each_weekday_once(self) -> Self:
        weekdays = [day.weekday for day in self.days]
        if len(set(weekdays)) != len(weekdays):
            raise ValueError("a weekday is named twice")
        return self
