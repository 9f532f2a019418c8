"""The privacy notice: what the settings say in it, in short before the first field, and its version.

The whole is the site's own text (`site_text.py`), below it what the settings and the ADO Branch say: how long
each kind of data is kept, the law, and whom to ask. An application stores the version that was in force, and
the application service what each version said.
"""

from collections.abc import Mapping, Sequence

from contracts import rpc
from contracts.model import Language
from contracts.rpc.notices import NoticeText, NoticeTexts
from services.gateway.pages.shared import site_text
from services.gateway.pages.shared.languages import LANGUAGES, _, texts
from services.gateway.pages.shared.site_text import SiteTexts
from services.gateway.state import GatewayState

LAW = ("basis", "officer", "board")
"""The lines of the ADO Branch that stand below the notice."""
CONSENTS: Mapping[str, str] = {
    "applicant": _(
        "I agree that the secretariat uses these data to decide about my visit and to let me in. I can "
        "withdraw this at any time on the page “My data”."
    ),
    "counter": _("I have read the notice to the visitor and asked. They agree that we use these data."),
    "invitation": _("I have asked whoever I invite. They agree that we use these data."),
}
"""What is ticked where the site rests on consent, by the form."""


def short(state: GatewayState, language: Language) -> str:
    """Return what is said before the first field: who sees the data and how long, the rights, the Board."""
    days = state.settings.people_kept_days
    said = texts(language).ngettext(
        "The department, the reception, the gates and the companies that deliver our messages see what you "
        "tell us. We use it to decide about your visit and to let you in, and "
        "erase it %(num)s day after it.",
        "The department, the reception, the gates and the companies that deliver our messages see what you "
        "tell us. We use it to decide about your visit and to let you in, and "
        "erase it %(num)s days after it.",
        days,
    )
    rights = texts(language).gettext(
        "On the page “My data” you can see it, correct it, have it erased, and complain."
    )
    others = texts(language).gettext(
        "A complaint or a question is erased as long after its answer; the whole notice says how long we "
        "keep photographs, records and entries of the watchlist."
    )
    return " ".join((said % {"num": days}, others, rights, site_text.lines(state, language)["board"]))


def facts(state: GatewayState, language: Language) -> tuple[Sequence[str], Sequence[str]]:
    """Return how long each kind of data is kept, and what is said of the law, each a sentence."""
    settings, catalogue = state.settings, texts(language)
    people, months = settings.people_kept_days, settings.records_kept_months
    photographs = min(settings.photographs_kept_days, people)
    kept: tuple[str, ...] = (
        catalogue.ngettext(
            "Names, numbers, email addresses and the purpose of a visit: %(num)s day after the visit, or "
            "after the application has ended without one",
            "Names, numbers, email addresses and the purpose of a visit: %(num)s days after the visit, or "
            "after the application has ended without one",
            people,
        )
        % {"num": people},
        catalogue.ngettext(
            "Photographs: at the latest %(num)s day after the visit",
            "Photographs: at the latest %(num)s days after the visit",
            photographs,
        )
        % {"num": photographs},
        catalogue.ngettext(
            "Complaints, questions and other requests, with our answers: %(num)s day after the answer",
            "Complaints, questions and other requests, with our answers: %(num)s days after the answer",
            people,
        )
        % {"num": people},
        catalogue.ngettext(
            "Watchlist: what an entry says of somebody, %(num)s day after its end; that it may be about a "
            "visitor, as long as their name",
            "Watchlist: what an entry says of somebody, %(num)s days after its end; that it may be about a "
            "visitor, as long as their name",
            settings.watchlist_kept_days,
        )
        % {"num": settings.watchlist_kept_days},
        catalogue.ngettext(
            "Without anybody's name or number: what was decided about an application, when its pass was used "
            "at a gate, and which member of staff looked at it: %(num)s month",
            "Without anybody's name or number: what was decided about an application, when its pass was used "
            "at a gate, and which member of staff looked at it: %(num)s months",
            months,
        )
        % {"num": months},
        catalogue.gettext("After that only reference numbers, pass numbers and counts"),
        catalogue.ngettext(
            "In backups all of this for at most %(num)s day longer",
            "In backups all of this for at most %(num)s days longer",
            settings.backup_days + 1,
        )
        % {"num": settings.backup_days + 1},
    )
    least = settings.photographs_kept_at_least.days
    if least:
        stays = catalogue.ngettext(
            "Photographs stay for at least %(num)s day after the visit, although you ask for their erasure",
            "Photographs stay for at least %(num)s days after the visit, although you ask for their erasure",
            least,
        )
        kept = (*kept[:2], stays % {"num": least}, *kept[2:])
    lines = site_text.lines(state, language)
    return kept, [lines[name] for name in LAW]


def notice(files: SiteTexts, state: GatewayState) -> NoticeTexts:
    """Return all that the notice says now, in all languages; it knows its version."""
    pages = site_text.page_of(files, state, "privacy") or files["privacy"]
    said = {}
    for one in LANGUAGES:
        text, (kept, law) = pages[one], facts(state, one)
        asked = CONSENTS.values() if state.settings.basis == "consent" else ()
        said[one] = NoticeText(
            language=text.language,
            title=text.title,
            body=text.source,
            short=short(state, one),
            kept=tuple(kept),
            law=tuple(law),
            consents=tuple(texts(one).gettext(label) for label in asked),
        )
    return NoticeTexts(texts=said)


async def record(files: SiteTexts, state: GatewayState) -> str:
    """Have application store what the notice says, once for each version; return the version.

    Raises:
        ContractError: application does not answer.
    """
    shown = notice(files, state)
    if shown.version != state.notice.value:
        await state.client.call(rpc.notices.RECORD_NOTICE, shown, ahead=True)
    return shown.version
