"""What importing a table as a file looks like, in each service that has tables."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from contracts.csv_table import LARGEST_FILE, Problem
from contracts.model import Code, DirectoryTable, Instant, Language, Strict, Wire


class ImportFile(Strict):
    """The text of a file."""

    text: str = Field(max_length=LARGEST_FILE)


class DirectoryFile(ImportFile):
    """The text of a file, and which table it is."""

    table: DirectoryTable


class ImportId(Strict):
    """A file that was sent before. Only who sent it finds it, for a day."""

    import_id: UUID


class LoginImport(ImportId):
    """A file of logins, and what it may name: accounts does not know the directory."""

    departments: tuple[Code, ...]
    sites: tuple[Code, ...]
    gates: tuple[Code, ...]
    language: Language = "en"
    """Of the messages to people whose line names none."""


class ImportedLogin(Wire):
    """A login that an import made; its initial password is shown for an hour, until it is used."""

    login_id: str
    name: str
    initial_password: str | None = None


class Effects(Wire):
    """What a change of the directory means for visits that are approved, and applications that wait."""

    visits_at_gate: int = 0
    """Approved visits to come whose pass names a gate that would be gone."""
    visits_outside_hours: int = 0
    """Approved visits to come that would lie outside the opening hours."""
    applications_waiting: int = 0
    """Applications that wait for a department or an officer that would be closed."""
    wishes_outside_hours: int = 0
    """Applications that wait, of which a preferred time would lie outside the opening hours."""
    wishes_outside_hours_by_department: dict[Code, int] = Field(default_factory=dict)
    """How many of those each department has, by its code."""

    @model_validator(mode="before")
    @classmethod
    def _read_text(cls, given: Any) -> Any:
        """Read the text of `facts`."""
        name = "wishes_outside_hours_by_department"
        text = given.get(name) if isinstance(given, dict) else None
        if not isinstance(text, str):
            return given
        pairs = (one.rpartition(" ") for one in text.split(", ") if one)
        return {**given, name: {code: number for code, _blank, number in pairs}}

    @property
    def total(self) -> int:
        """How many there are altogether."""
        visits = self.visits_at_gate + self.visits_outside_hours
        return visits + self.applications_waiting + self.wishes_outside_hours

    @property
    def facts(self) -> dict[str, Any]:
        """The effects as facts of an error, which are numbers and texts: ``finance 1, home 3``."""
        by_department = self.wishes_outside_hours_by_department.items()
        text = ", ".join(f"{code} {number}" for code, number in sorted(by_department))
        return {**self.model_dump(), "wishes_outside_hours_by_department": text}


class LineEffect(Wire):
    """What a file does to a line. ``before`` is empty for a line that it adds."""

    line: int
    before: dict[str, str] = Field(default_factory=dict)
    after: dict[str, str]


class ImportReport(Wire):
    """What a file changes, or has changed; with a problem it changes nothing."""

    import_id: UUID
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    lines: tuple[LineEffect, ...] = ()
    """What is added or changed, in the order of the file; of very many only the first."""
    problems: tuple[Problem, ...] = ()
    """By line; of very many only the first."""
    further_problems: int = 0
    effects: Effects = Effects()
    applied_at: Instant | None = None
    logins: tuple[ImportedLogin, ...] = ()
    confirm_passwords: bool = False
    """Whether the initial passwords are left out because they need the second factor again."""


class Export(Strict):
    """A table of the directory."""

    table: DirectoryTable


Missing = Literal["login", "hours", "officer", "duty_contact"]
"""What a department can lack: a login that can decide for it, open hours of each of its sites, an officer, a
duty contact."""


class LineView(Wire):
    """A line of a table of the directory, and a digest by which a later change of it is noticed."""

    cells: dict[str, str]
    digest: str
    is_offered: bool = True
    """Of a department whether visitors can choose it, if it is not closed: a login can decide for it."""
    missing: tuple[Missing, ...] = ()
    """Of a department what it lacks."""


class LineList(Wire):
    """All lines of a table."""

    items: tuple[LineView, ...]


Accepted = Annotated[
    int,
    Field(
        ge=0,
        description="How many visits and applications the caller knows to be affected by the change. "
        "If there are more, it is refused as `affects_visits`, with their numbers.",
    ),
]


class ApplyDirectoryFile(ImportId):
    """A file of the directory that was sent before, to be applied as a whole."""

    accepted: Accepted = 0


class PutLine(Export):
    """A line as it is to be: a new one, or one that was read before with this digest."""

    cells: dict[str, str] = Field(max_length=40)
    was: str = Field(default="", max_length=64)
    accepted: Accepted = 0


class LineId(Export):
    """A line by the cells of its key."""

    key: Annotated[
        tuple[Annotated[str, Field(max_length=64)], ...],
        BeforeValidator(lambda key: key.split(",", 1) if isinstance(key, str) else key),
    ] = Field(max_length=2, description="With a comma between them, such as `home,home-secretary`.")


class RemoveLine(LineId):
    """A holiday, a gate, or hours to come, that was read before with this digest."""

    was: str = Field(max_length=64)
    accepted: Accepted = 0


class LineChange(Wire):
    """Who changed a line and when. ``before`` is empty for a new line, ``after`` for one that was removed."""

    changed_at: Instant
    changed_by: str
    before: dict[str, str] = Field(default_factory=dict)
    after: dict[str, str] = Field(default_factory=dict)


class LineHistory(Wire):
    """The last changes of a line, the newest first."""

    items: tuple[LineChange, ...]


class CsvFile(Wire):
    """A table as CSV, to be stored as UTF-8."""

    text: str


MOST_EFFECTS = 20
"""How many lines a report shows that a file adds or changes."""
MOST_PROBLEMS = 200
"""How many problems a report names."""
