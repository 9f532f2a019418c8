"""Rendering of templates to HTML responses. Values are escaped, and an unknown name is an error."""

import json
import re
from collections.abc import Mapping
from functools import cache, partial
from importlib.resources import files
from typing import Any
from uuid import uuid4

from fastapi.responses import HTMLResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined, Undefined
from jinja2.utils import missing
from markupsafe import Markup

from contracts.model import Language
from services.gateway.pages.shared import languages, messages, navigation, vocabulary

_GOVUK = PackageLoader("govuk_frontend_jinja")
ICONS_TO_INSTALL = [
    {"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
    {"src": "/static/icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
    {"src": "/static/icons/icon-512.png", "sizes": "512x512", "type": "image/png"},
    {"src": "/static/icons/maskable-512.png", "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
]
"""The ``icons`` of a web app manifest (https://www.w3.org/TR/appmanifest/#icons-member)."""


@cache
def _optional_names() -> frozenset[str]:
    """Return the names that govuk-frontend's macros may use before they set them.

    ``undefined`` and ``null`` are left over from their Nunjucks originals.
    """
    environment = Environment(autoescape=True)
    sources = (_GOVUK.get_source(environment, name)[0] for name in _GOVUK.list_templates())
    return frozenset(
        {"undefined", "null", "caller"}.union(*(re.findall(r"\bset (\w+)", source) for source in sources))
    )


class StrictNames(Undefined):
    """Undefined value that raises for an unknown name.

    Names that govuk-frontend's macros leave out, and keys that a mapping lacks, stay undefined without an
    error.
    """

    def __new__(cls, hint: str | None = None, obj: Any = missing, name: str | None = None, *more: Any) -> Any:
        """Return an undefined value of either kind."""
        if obj is missing and name not in _optional_names():
            return StrictUndefined(hint, obj, name, *more)
        return super().__new__(cls)


@cache
def _environment(language: Language) -> Environment:
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("services.gateway"), PrefixLoader({"govuk_frontend_jinja": _GOVUK})]
        ),
        autoescape=True,
        undefined=StrictNames,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    environment.install_gettext_translations(languages.texts(language), newstyle=True)  # type: ignore[attr-defined]  # the extension's
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "sort_keys": True}  # fewer bytes
    environment.globals["asset"] = asset
    environment.globals["languages"] = languages.ENDONYMS
    environment.globals["language"] = language
    environment.globals["tag"] = tag
    environment.globals["state_of"] = vocabulary.state_of
    environment.globals["status_tag"] = partial(state_tag, vocabulary.STATUSES, language=language)
    environment.globals["review_tag"] = partial(state_tag, vocabulary.REVIEWS, language=language)
    environment.globals["footer"] = navigation.footer(language)
    for name in (
        *(
            "day_in_words",
            "days_in_words",
            "short_day",
            "day_of",
            "iso_day_in_words",
            "weekday_in_words",
            "number",
        ),
        *("day_and_month", "month_in_words", "duration_in_words", "time_of_day", "hours_in_words"),
        *("instant_in_words", "number"),
    ):
        environment.filters[name] = partial(getattr(languages, name), language=language)
    environment.filters["sentence"] = partial(messages.sentence, language=language)
    environment.filters["slot_in_words"] = partial(vocabulary.slot_in_words, language=language)
    for words, known in vocabulary.VOCABULARIES.items():
        environment.globals[f"{words}_items"] = partial(vocabulary.items, known, language)
        environment.globals[f"{words}_name"] = partial(vocabulary.name_of, known, language=language)
    environment.globals["month_names"] = partial(languages.month_names, language)
    environment.globals["new_key"] = lambda: str(uuid4())
    return environment


@cache
def _manifest() -> dict[str, str]:
    built = files("services.gateway").joinpath("static/built/manifest.json")
    return dict(json.loads(built.read_text())) if built.is_file() else {}


def tag(state: str, name: str) -> Markup:
    """Return the tag of a state, in its colour."""
    return Markup('<strong class="govuk-tag govuk-tag--{}">{}</strong>').format(
        vocabulary.TAGS.get(state, "grey"), name
    )


def state_tag(words: Mapping[str, str], shown: vocabulary.WithStatus, language: Language) -> Markup:
    """Return the tag of the state of an application, or of a review of one, in these words."""
    state = vocabulary.state_of(shown)
    return tag(state, vocabulary.name_of(words, state, language))


def asset(name: str) -> str:
    """Return the address of a built asset, which carries a digest of its content.

    Raises:
        LookupError: it was not built.
    """
    if name not in _manifest():
        raise LookupError(f"{name} is not among the built assets: `make setup` builds them")
    return f"/static/built/{_manifest()[name]}"


def text(template: str, language: Language = "en", /, **values: Any) -> str:
    """Render a template of ``templates/``."""
    return _environment(language).get_template(template).render(**values)


def page(
    template: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    language: Language = "en",
    /,
    **values: Any,
) -> HTMLResponse:
    """Render a template as a response."""
    return HTMLResponse(text(template, language, **values), status, headers)
