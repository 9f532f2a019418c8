"""Routes of the directory for the ADO Branch: its tables line by line, under the rules of files and pages.

A line is known by the cells of its key, which an address joins with commas: ``officers/home,home-secretary``.
"""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from contracts import rpc
from contracts.model import DirectoryTable, Strict
from contracts.rpc.call import Nothing
from contracts.rpc.imports import (
    Accepted,
    Export,
    LineHistory,
    LineId,
    LineList,
    LineView,
    PutLine,
    RemoveLine,
)
from services.gateway.access import Ado, IdempotencyKey

router = APIRouter(prefix="/api/v1/directory", tags=["ado"])
Key = Annotated[
    str, Path(max_length=129, description="The cells of the line's key, such as `home,home-secretary`.")
]


class Line(Strict):
    """A line as it is to be, and the digest of the line that was read; none for a new line."""

    cells: dict[str, str] = Field(max_length=30)
    was: str = Field(default="", max_length=64)
    accepted: Accepted = 0


class Removal(Strict):
    """The digest of the line that was read."""

    was: str = Field(max_length=64)
    accepted: Accepted = 0


@router.get("/{table}")
async def list_directory_lines(caller: Ado, table: DirectoryTable) -> LineList:
    """List the lines of a table, each with a digest by which a later change of it is noticed."""
    return await caller.query(rpc.approval.LIST_LINES, Export(table=table))


@router.get("/{table}/{key}")
async def view_directory_line(caller: Ado, table: DirectoryTable, key: Key) -> LineView:
    """Show one line."""
    return await caller.query(rpc.approval.VIEW_LINE, _id(table, key))


@router.get("/{table}/{key}/history")
async def view_directory_history(caller: Ado, table: DirectoryTable, key: Key) -> LineHistory:
    """Show who changed a line, when, and what it was; the newest change first."""
    return await caller.query(rpc.approval.LINE_HISTORY, _id(table, key))


@router.post("/{table}")
async def put_directory_line(caller: Ado, table: DirectoryTable, body: Line, key: IdempotencyKey) -> LineView:
    """Add a line, or change the one that was read with this digest. Everybody sees it within a minute."""
    wanted = PutLine(table=table, cells=body.cells, was=body.was, accepted=body.accepted)
    return await caller.command(rpc.approval.PUT_LINE, wanted, key)


@router.post("/{table}/{key}/remove")
async def remove_directory_line(
    caller: Ado, table: DirectoryTable, key: Key, body: Removal, idempotency_key: IdempotencyKey
) -> Nothing:
    """Remove a gate, or a holiday or hours to come. Lines of other tables stay; departments can be closed."""
    wanted = RemoveLine(table=table, key=_id(table, key).key, was=body.was, accepted=body.accepted)
    return await caller.command(rpc.approval.REMOVE_LINE, wanted, idempotency_key)


def _id(table: DirectoryTable, key: str) -> LineId:
    return LineId(table=table, key=tuple(key.split(",", 1)))
