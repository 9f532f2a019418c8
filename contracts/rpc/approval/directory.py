"""RPC of approval: the directory, its lines and files, and who is asked when nobody decides."""

from typing import Literal

from pydantic import Field

from contracts import events
from contracts.model import ArrivalNotice, Code, Instant, Language, Strict, Wire
from contracts.rpc.call import Http, Method, Nothing
from contracts.rpc.imports import (
    ApplyDirectoryFile,
    CsvFile,
    DirectoryFile,
    Export,
    ImportId,
    ImportReport,
    LineHistory,
    LineId,
    LineList,
    LineView,
    PutLine,
    RemoveLine,
)


class SiteList(Wire):
    """All sites."""

    items: tuple[events.SiteRecord, ...]
    next: str | None = None


class DepartmentQuestion(Strict):
    """Search for departments, by their own name or by an officer's; an empty search finds all.

    What takes no visits is only in the answer to an empty one: it has a name, and is not to be found.
    """

    q: str = Field(default="", max_length=100)


class DepartmentView(Wire):
    """A department without its officers, but for those whom a search found."""

    code: str
    name: dict[Language, str]
    sites: tuple[str, ...]
    found: tuple[events.OfficerRecord, ...] = ()
    closed: bool = False
    """Whether nobody can ask for a visit to it any more."""
    unstaffed: bool = False
    """Whether nobody can ask for a visit now, because no login can decide for it."""


class DepartmentList(Wire):
    """All departments, by code."""

    items: tuple[DepartmentView, ...]
    next: str | None = None


class OfficerQuestion(Strict):
    """Officers of a department whose name or designation contains ``q``."""

    department: Code
    q: str = Field(default="", max_length=100)


class OfficerList(Wire):
    """Officers."""

    items: tuple[events.OfficerRecord, ...]
    next: str | None = None


class DutyPlace(Strict):
    """Whose duty contacts: a department's, one for each officer, or a site's reception."""

    kind: Literal["departments", "sites"]
    code: Code


class DutyContact(Wire):
    """Where somebody is reached who is asked when nobody decides; each address may be empty.

    ``officer`` is None for the reception of a site.
    """

    officer: Code | None = None
    mobile: str = Field(default="", max_length=40)
    email: str = Field(default="", max_length=254)
    arrivals: ArrivalNotice = "none"
    """What they get when a visitor of theirs has come through a gate."""


class PutDutyContacts(DutyPlace):
    """The duty contacts as they are to be. ``was`` is the revision that was read; empty for none."""

    contacts: tuple[DutyContact, ...] = Field(max_length=100)
    language: Language
    was: str = Field(default="", max_length=64)


class DutyContacts(Wire):
    """The duty contacts of a department or a site, the language of their messages, and who set them when."""

    contacts: tuple[DutyContact, ...] = ()
    language: Language = "pa"
    revision: str = ""
    set_by: str | None = None
    set_at: Instant | None = None


DUTY_CONTACTS = Method(
    "approval", "duty_contacts", DutyPlace, DutyContacts, names_people=True, said="Duty contacts"
)
PUT_DUTY_CONTACTS = Method(
    "approval", "put_duty_contacts", PutDutyContacts, DutyContacts, command=True, fresh=True,
    said="Changed duty contacts",
)  # fmt: skip
EXPORT_DIRECTORY = Method(
    "approval", "export_directory", Export, CsvFile, fresh=True, names_people=True,
    said="File of the directory",
)  # fmt: skip
LIST_LINES = Method(
    "approval", "list_lines", Export, LineList,
    http=Http("ado", "list_directory_lines", "GET /directory/{table}",
        "List the lines of a table, each with a digest by which a later change of it is noticed."),
)  # fmt: skip
VIEW_LINE = Method(
    "approval", "view_line", LineId, LineView,
    http=Http("ado", "view_directory_line", "GET /directory/{table}/{key}",
        "Show one line."),
)  # fmt: skip
LINE_HISTORY = Method(
    "approval", "line_history", LineId, LineHistory,
    http=Http("ado", "view_directory_history", "GET /directory/{table}/{key}/history",
        "Show who changed a line, when, and what it was; the newest change first."),
)  # fmt: skip
PUT_LINE = Method(
    "approval", "put_line", PutLine, LineView, command=True, fresh=True, said="Changed the directory",
    http=Http("ado", "put_directory_line", "POST /directory/{table}",
        "Add a line, or change the one that was read with this digest. Everybody sees it within a minute."),
)  # fmt: skip
REMOVE_LINE = Method(
    "approval", "remove_line", RemoveLine, Nothing, command=True, fresh=True,
    said="Removed a line of the directory",
    http=Http("ado", "remove_directory_line", "POST /directory/{table}/{key}/remove",
        "Remove a gate, or a holiday or hours to come. Lines of other tables stay; departments can be "
        "closed."),
)  # fmt: skip
SEND_DIRECTORY_FILE = Method(
    "approval", "send_directory_file", DirectoryFile, ImportId, command=True,
    said="Sent a file of the directory",
)  # fmt: skip
CHECK_DIRECTORY_FILE = Method("approval", "check_directory_file", ImportId, ImportReport, in_transaction=True)
APPLY_DIRECTORY_FILE = Method(
    "approval", "apply_directory_file", ApplyDirectoryFile, ImportReport, command=True, fresh=True,
    said="Applied a file of the directory",
)  # fmt: skip
SITES = Method(
    "approval", "sites", Nothing, SiteList,
    http=Http("anyone", "list_sites", "GET /sites",
        """List sites with their gates, hours and closed days, at most a minute old.

        While approval is down this is the last copy.
        """, limit="read"),
)  # fmt: skip
DEPARTMENTS = Method("approval", "departments", DepartmentQuestion, DepartmentList)
OFFICERS = Method("approval", "officers", OfficerQuestion, OfficerList)
