"""The texts of the site, which the ADO Branch writes: whose it is, the footer, help, contact and others."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Annotated, Any, get_args

from fastapi import Path, Response
from starlette.datastructures import UploadFile

from contracts import rpc
from contracts.csv_table import LARGEST_FILE
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, Unavailable
from contracts.rpc.approval.site_texts import Emblem, PutEmblem, PutSiteText, SiteText
from contracts.rpc.call import Nothing
from contracts.second_factor import require_fresh
from contracts.site_texts import LARGEST_EMBLEM, LONGEST_PAGE, TextLine, TextName
from services.chassis.runtime.clock import now
from services.gateway.pages.shared import site_text
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.languages import LANGUAGES, _
from services.gateway.pages.shared.navigation import FOOTER
from services.gateway.pages.shared.view import AdoPage, View, page_router

router = page_router("/desk/directory/texts")
Name = Annotated[TextName, Path(alias="text")]
TITLES: dict[TextName, str] = {
    "ownership": _("Whose website this is"),
    "footer": _("Last line of every page"),
    "basis": _("Privacy: under which law data is used"),
    "officer": _("Privacy: who answers questions, with address, telephone and email"),
    "board": _("Privacy: where to complain"),
    **{name: FOOTER[name] for name in site_text.PAGES},
}
LABELS: dict[str, str] = {"en": _("In English"), "pa": _("In Punjabi"), "hi": _("In Hindi")}


@router.get("")
async def show_texts(view: AdoPage) -> Response:
    found = await view.query(rpc.approval.site_texts.SITE_TEXTS, Nothing())
    return view.html("directory/texts.html", titles=TITLES, written={one.name: one for one in found.items})


@router.get("/emblem")
async def show_emblem(view: AdoPage) -> Response:
    """Show the emblem, and a form for another one. The code is asked for before a picture is chosen."""
    require_fresh(view.principal, now())
    return _emblem(view, await view.query(rpc.approval.site_texts.EMBLEM, Nothing()))


@router.post("/emblem")
async def put_emblem(view: AdoPage) -> Response:
    """Store an emblem or, with ``remove``, have none; unless somebody else has changed it meanwhile."""
    form = await view.upload(LARGEST_FILE)
    file = form.get("picture")
    data = await file.read() if isinstance(file, UploadFile) else b""
    await form.close()
    stored = Emblem(revision=text_of(form, "was"))
    if text_of(form, "remove"):
        data = b""
    elif not data or len(data) > LARGEST_EMBLEM:
        code = "picture_too_large" if data else "picture_missing"
        return _emblem(view, stored, {"picture": code}, 422)
    try:
        request = PutEmblem(picture=b64encode(data).decode(), was=stored.revision)
        await view.command(rpc.approval.site_texts.PUT_EMBLEM, request, key_of(form))
    except InvalidInput as error:
        return _emblem(view, stored, problems_of(error), 422)
    except Unavailable:  # no browser sends a file twice
        return _emblem(view, stored, {}, 503)
    except Conflict:
        return view.to("/desk/directory/texts/emblem", "changed")
    await view.refresh_directory()
    return view.to("/desk/directory/texts/emblem", "saved")


def _emblem(
    view: View, stored: Emblem, errors: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    return view.html("directory/emblem.html", status, stored=stored, errors=errors or {})


@router.get("/{text}")
async def show_text(view: AdoPage, name: Name) -> Response:
    """Show a text in a form, and who has written it."""
    found = await view.query(rpc.approval.site_texts.SITE_TEXTS, Nothing())
    stored = next((one for one in found.items if one.name == name), None)
    words = stored.words if stored else site_text.usual(view.caller.state.settings, name)
    typed = {f"text_{language}": words.get(language, "") for language in LANGUAGES}
    return _form(view, name, typed, was=stored.revision if stored else "", stored=stored)


@router.post("/{text}")
async def put_text(view: AdoPage, name: Name) -> Response:
    """Store a text, unless somebody else has changed it meanwhile."""
    form = await view.upload(LARGEST_FILE)
    typed = {f"text_{language}": text_of(form, f"text_{language}") for language in LANGUAGES}
    was, key = text_of(form, "was"), key_of(form)
    too_long = {field: "page_too_long" for field, text in typed.items() if len(text) > LONGEST_PAGE}
    if too_long:
        return _form(view, name, typed, was, too_long, 422)
    words = {language: typed[f"text_{language}"] for language in LANGUAGES}
    try:
        request = PutSiteText(name=name, words=words, was=was)
        await view.command(rpc.approval.site_texts.PUT_SITE_TEXT, request, key)
    except Unavailable:
        return _form(view, name, typed, was, {}, 503, key=key)
    except IdempotencyKeyReused:  # an earlier attempt did arrive, and the form was changed since
        return _form(view, name, typed, was, {}, 409, arrived=True)
    except InvalidInput as error:
        return _form(view, name, typed, was, problems_of(error), 422)
    except Conflict as error:
        return _form(view, name, typed, was, {}, 409, changed_by=str(error.body.facts.get("by", "")))
    await view.refresh_directory()
    return view.to(f"/desk/directory/texts/{name}", "saved")


def _form(
    view: View,
    name: TextName,
    typed: Mapping[str, str],
    was: str,
    errors: Mapping[str, str] | None = None,
    status: int = 200,
    stored: SiteText | None = None,
    **shown: Any,
) -> Response:
    values: dict[str, Any] = {
        "name": name,
        "title": TITLES[name],
        "labels": LABELS,
        "is_line": name in get_args(TextLine),
        "typed": typed,
        "was": was,
        "errors": errors or {},
        "stored": stored,
        "changed_by": None,
        "key": "",
        "arrived": False,
        **shown,
    }
    return view.html("directory/text.html", status, **values)
