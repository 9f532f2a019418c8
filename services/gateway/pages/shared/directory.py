"""Sites, departments and officers for the pages: looked up in the directory, called by their names."""

from collections.abc import Callable
from contextlib import suppress

from contracts import rpc
from contracts.errors import ContractError, NotFound
from contracts.events import OfficerRecord, SiteRecord
from contracts.rpc.application import ApplicationView
from contracts.rpc.approval.directory import DepartmentQuestion, DepartmentView, OfficerQuestion
from contracts.rpc.issuance import PassView
from services.gateway.pages.shared.view import View
from services.gateway.pages.shared.vocabulary import gate_name_of


async def sites(view: View) -> tuple[SiteRecord, ...]:
    """Return all sites."""
    return (await view.caller.state.sites.get()).items


async def site(view: View, code: str) -> SiteRecord | None:
    """Return one site; None where the directory does not know it."""
    return next((one for one in await sites(view) if one.code == code), None)


async def gate_names(view: View) -> Callable[[str], str]:
    """Return the function that names a gate in the reader's language."""
    known = await sites(view)
    return lambda code: gate_name_of(known, code, view.language)


async def departments(
    view: View, site_code: str, q: str = "", *, unstaffed: bool = False
) -> list[DepartmentView]:
    """Return the departments that receive visitors at a site, or at all, by name in the reader's language.

    Args:
        q: finds them in any spelling.
        unstaffed: whether those belong to them for which nobody can decide yet.
    """
    if q:
        found = await view.query(rpc.approval.directory.DEPARTMENTS, DepartmentQuestion(q=q[:100]))
    else:
        found = await view.caller.state.departments.get()
    return sorted(
        (
            one
            for one in found.items
            if not one.closed
            and (unstaffed or not one.unstaffed)
            and (not site_code or site_code in one.sites)
        ),
        key=lambda one: one.name[view.language],
    )


async def sites_of(view: View, department: str) -> list[SiteRecord]:
    """Return the sites at which a department sits; none if the directory does not know it."""
    known = (await view.caller.state.departments.get()).items
    codes = {code for one in known if one.code == department for code in one.sites}
    return [one for one in await sites(view) if one.code in codes]


async def site_names(view: View) -> dict[str, str]:
    """Return the names of all sites in the reader's language, by code."""
    return {one.code: one.name[view.language] for one in await sites(view)}


async def place_names(view: View) -> dict[str, str]:
    """Return the names of all sites and departments, by code."""
    return await site_names(view) | await department_names(view)


async def department_names(view: View) -> dict[str, str]:
    """Return the names of all departments in the reader's language, by code."""
    return {one.code: one.name[view.language] for one in (await view.caller.state.departments.get()).items}


async def names(view: View, shown: ApplicationView | PassView) -> dict[str, str]:
    """Return the names of site and department; their codes where the directory no longer knows them."""
    place, known = await site(view, shown.site), await department_names(view)
    return {
        "site": place.name[view.language] if place else shown.site,
        "department": known.get(shown.department, shown.department),
    }


async def officer_name(view: View, department: str, code: str | None) -> str:
    """Return an officer with their designation; the code where the directory does not say.

    It is empty where the application names nobody.
    """
    if not code:
        return ""
    question = OfficerQuestion(department=department)
    found = await view.try_query(rpc.approval.directory.OFFICERS, question, soon=True)
    known = next((one for one in found.items if one.code == code), None) if found else None
    return f"{known.name[view.language]}, {known.designation[view.language]}" if known else code


async def officers(view: View, department: str, q: str = "") -> tuple[OfficerRecord, ...]:
    """Return the officers of a department that match in any spelling; none if it no longer exists."""
    question = OfficerQuestion(department=department, q=q[:100])
    try:
        return (await view.query(rpc.approval.directory.OFFICERS, question)).items
    except NotFound:
        return ()


async def open_officers(view: View, department: str, q: str = "") -> tuple[OfficerRecord, ...]:
    """Return the officers of a department whom a visitor can ask to meet, and who match in any spelling."""
    return tuple(officer for officer in await officers(view, department, q) if not officer.closed)


async def host(view: View, shown: PassView) -> OfficerRecord | None:
    """Return the officer whom a pass names.

    It is None where the pass names nobody or the directory does not answer: a pass is printed all the same.
    """
    with suppress(ContractError):
        found = await officers(view, shown.department) if shown.officer else ()
        return next((one for one in found if one.code == shown.officer), None)
    return None
