"""The rights of a person in real browsers, in English with scripts and in Punjabi without.

Somebody corrects their application before and after the pass, takes a copy and has it erased; afterwards no
table of any service and no store of their browser names them. Where the site has to keep it for a time, it
stands in application alone until then. A companion, a parent and who complains do the
same as far as it is theirs.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from contracts.model import Language
from contracts.subscriptions import SERVICES
from tests.e2e.people import Staff, Visitor, new_login, newest_message, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.journey.held import columns_with
from tests.support.stack.backends import start_stack
from tests.support.stack.running import eventually
from tests.support.system.actors import Officer
from tests.support.system.system import System

WALKS = pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [("en", True, PHONE), ("pa", False, DESK)],
    ids=["English", "Punjabi without scripts"],
)
Open = Callable[..., Page]
CANARY, COMPANION = "Qanarix", "ਕਨਾਰੀਕਸ ਸਿੰਘ"
OTHER_CARD = {"kind": "matched", "id_type": "voter_id", "id_last4": "0000"}
KEPT_AT_LEAST = 30
OF_CODES = {"notify.local_phone.recipient"}
"""In local mode the phone keeps one-time codes, which are of no application, for a day."""
SERVED = {"application", "approval", "issuance", "verify"}
STORES = """async () => {
  const answer = (asked) => new Promise((resolve) => { asked.onsuccess = () => resolve(asked.result); });
  const found = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const one of await cache.keys()) found.push(one.url, await (await cache.match(one)).text());
  }
  for (const { name } of await indexedDB.databases()) {
    const opened = await answer(indexedDB.open(name));
    for (const store of opened.objectStoreNames) {
      found.push(JSON.stringify(await answer(opened.transaction(store).objectStore(store).getAll())));
    }
    opened.close();
  }
  return found.join("\\n");
}"""
"""Reads all that a script can read of what the browser has stored."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of these tests alone: all of its databases are read, and its invariants are counted."""
    kept = {"EPASS_KEPT_AT_LEAST_DAYS": f"{KEPT_AT_LEAST}"}
    with start_stack(tmp_path_factory.mktemp("rights")) as stack, System(stack, **kept) as own:
        yield own


def named(system: System, *words: str) -> set[str]:
    """Return each column of each service that has one of these words in any row."""
    return {f"{one}.{column}" for one in SERVICES for column in columns_with(system, one, words)}


def stored(page: Page) -> str:
    """Return what the browser has stored of the system, its cookies with it."""
    return f"{page.evaluate(STORES)}{page.context.cookies()}"


def let_days_pass(system: System, reference: str, days: int) -> None:
    url = system.stack.database_url("postgres", "application").replace("+psycopg", "")
    ago = f"- make_interval(days => {days})"
    earlier = f"last_matters_at = now() {ago}, cancelled_at = now() {ago}, locked_until = locked_until {ago}"
    with psycopg.connect(url) as database:
        database.execute(f"update applications set {earlier} where reference = %s", (reference,))


def correct(visitor: Visitor, reference: str, said: str, **fields: str) -> None:
    """Correct an application from the page of one's data, and read what the page says then."""
    page = visitor.page
    visitor.open("/my-data")
    page.locator(f"main a[href$='/{reference}/correct']").click()
    for name, text in fields.items():
        page.fill(f"#{name}", text)
    press(page, translated("Send the correction", visitor.language))
    expect(page.locator("main")).to_contain_text(translated(said, visitor.language))


def pass_of(visitor: Visitor, system: System, after: int = 0) -> tuple[str, str]:
    """Open the pass of the newest message; return its path and its number."""
    message = newest_message(system, visitor.mobile, "pass_issued", after)
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    visitor.page.goto(link[0])
    return link[0], "".join(visitor.page.locator(".number strong").inner_text().split())


def save(page: Page, path: str) -> None:
    """Save a pass on the phone."""
    page.goto(path)
    page.click("[data-pass=store]")
    expect(page.locator("[data-pass=stored]")).to_be_visible()


def copy_of(visitor: Visitor) -> tuple[dict[str, Any], str]:
    """Take a copy of one's data: the file for a program, and that to read."""
    visitor.open("/my-data")
    files = []
    for form in ("json", "html"):
        with visitor.page.expect_download() as download:
            visitor.page.click(f"button[name=form][value={form}]")
        files.append(download.value.path().read_text())
    return json.loads(files[0]), files[1]


def cancel_and_erase(
    visitor: Visitor, system: System, reference: str, days: int = KEPT_AT_LEAST + 10
) -> None:
    """Cancel the visit, let days pass, have all of it erased or locked, and read the receipt."""
    page, say = visitor.page, lambda text: translated(text, visitor.language)
    visitor.open(f"/applications/{reference}/cancel")
    page.check("input[name=cancel][value=yes]")
    press(page)
    visitor.open("/my-data/erase")
    shown = page.locator(f"input[name=reference][value='{reference}']")
    expect(shown).to_have_count(0)  # until the day after its pass somebody may be inside

    def is_erased() -> bool:
        """Let days pass until application has heard of all that happened before, as of something of now."""
        let_days_pass(system, reference, days)
        visitor.open("/my-data/erase")
        if not shown.count():
            return False
        expect(page.locator("main")).to_contain_text(
            say("What goes at once" if days > KEPT_AT_LEAST else "What is locked")
        )
        with page.expect_navigation():
            press(page, say("Erase it"))
        return page.url.endswith("/my-data/erased")

    eventually(is_erased, "it is erased", 30)
    expect(page.locator(".epass-number")).to_have_text(re.compile("^[0-9A-Z]{4} [0-9A-Z]{4}$"))


def stays_locked(visitor: Visitor, system: System, reference: str) -> None:
    """Wait until application alone names who has to be kept, and the history says so without a name."""
    alone = "application.applications."

    def elsewhere() -> set[str]:
        return {one for one in named(system, CANARY, COMPANION) if not one.startswith(alone)}

    eventually(lambda: not elsewhere(), f"application alone has it: {elsewhere()}", 60)
    assert named(system, CANARY), "it has to stay"
    system.epass("administrator", "invariants", "--grace", "10")
    visitor.open("/applications")
    expect(visitor.page.locator("main")).to_contain_text(reference)
    expect(visitor.page.locator("main")).not_to_contain_text(CANARY)


def nowhere(visitor: Visitor, system: System, *words: str) -> None:
    visitor.open("/my-data")
    expect(visitor.page.locator("main")).not_to_contain_text(words[0])

    def found() -> set[str]:
        return named(system, *words, visitor.mobile) - OF_CODES

    eventually(lambda: not found(), f"nothing names them any more: {found()}", 60)


@WALKS
def test_who_corrects_copies_and_erases_their_data_is_named_nowhere_afterwards(
    open_browser: Open, system: System, mobile: str, language: Language, scripts: bool, size: dict[str, int]
) -> None:
    def say(text: str) -> str:
        return translated(text, language)

    visitor, guard = Visitor(open_browser(size, scripts=scripts), system, mobile, language), Officer(system)
    page = visitor.page
    reference = visitor.apply("Gurprit Kaur", companions=(("Harjit Singh", "0917"), (COMPANION, "1204")))
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    desk.find(reference)
    saved = "Your correction is saved, and the department sees it."
    correct(visitor, reference, saved, **{"name": f"{CANARY} Kaur", "name-0": ""})

    def reads_correction() -> bool:
        desk.find(reference)
        seen = desk.page.locator("main").inner_text()
        return (
            f"{CANARY} Kaur" in seen
            and say("Corrected by the visitor on %(at)s: %(what)s.").partition("%")[0] in seen
        )

    eventually(reads_correction, "the department sees it", 30)
    desk.approve(reference)
    path, number = pass_of(visitor, system)
    if scripts:
        save(page, path)
    eventually(lambda: guard.scan(pass_number=number).verdict == "admit", "the gate knows the pass", 30)
    waits = "Your correction waits for the department. Until it has confirmed it, everything stays as it was."
    correct(visitor, reference, waits, name=f"{CANARY} Gill", id_last4="9Z01")

    def waits_at_desk() -> bool:
        desk.find(reference)
        return desk.page.locator("main a[href$='/correction']").count() > 0

    eventually(waits_at_desk, "the correction waits at the desk", 30)
    assert guard.scan(pass_number=number).verdict == "admit", "nothing changes yet"
    desk.page.locator("main a[href$='/correction']").click()
    desk.page.click("button[name=confirm][value=yes]")
    path, after = pass_of(visitor, system, after=1)
    assert after != number
    expect(page.locator("main")).to_contain_text(f"{CANARY} Gill")
    eventually(lambda: guard.scan(pass_number=number).verdict == "revoked", "the old pass is refused", 30)
    found = eventually(
        lambda: (one := guard.scan(pass_number=after)).applicant and one, "the gate has it", 30
    )
    assert (found.verdict, found.applicant.name, found.party) == ("admit", f"{CANARY} Gill", 2)
    assert guard.scan(pass_number=after, id_check=OTHER_CARD).verdict == "id_mismatch"
    if scripts:
        save(page, path)
        other = open_browser(PHONE)
        save(other, path)

    companion = Visitor(open_browser(size, scripts=scripts), system, f"98{mobile[2:]}", language)
    companion.sign_in_at("/my-data/companion")
    for name, typed in {"number": after, "name": COMPANION, "id_last4": "1204"}.items():
        companion.page.fill(f"#{name}", typed)
    press(companion.page, say("Show what is kept about me"))
    expect(companion.page.locator("main dl")).to_contain_text(COMPANION)
    expect(companion.page.locator("main")).not_to_contain_text(CANARY)

    visitor.open("/my-data")
    expect(page.locator("main")).to_contain_text(say("Who has looked at it, or worked on it"))
    copy, to_read = copy_of(visitor)
    records = {one["what"]: one for one in copy["applications"][0]["kept"]}
    whole = {"answers", "progress", "desk", "decisions", "passes", "messages", "gates", "scans"}
    assert records.keys() >= whole
    assert {one["verdict"] for one in records["scans"]["records"]} >= {"id_mismatch"}
    assert {one["role"] for one in copy["seen_by"]} >= {"department"}
    assert after in str(records["messages"]["records"])
    assert "id_last4" not in str(copy)
    assert all(word in to_read for word in (f"{CANARY} Gill", COMPANION))

    before = {place.partition(".")[0] for place in named(system, CANARY, COMPANION)}
    assert before == SERVED, "the control: all four have the names"
    assert not scripts or CANARY in stored(page), "the control: so has the phone"
    cancel_and_erase(visitor, system, reference, KEPT_AT_LEAST + 10 if scripts else 5)
    expect(page.locator("[data-kept-pass]")).to_be_visible(visible=scripts)
    if scripts:
        assert CANARY not in stored(page)
        assert page.evaluate("caches.keys()") == [], "of a shared phone nothing is left"
        eventually(lambda: (other.goto(path) or other).status == 404, "the pass is erased", 30)
        assert CANARY not in stored(other), "and has gone from another phone"
    else:
        stays_locked(visitor, system, reference)
        let_days_pass(system, reference, KEPT_AT_LEAST)
        jobs = system.process("application", "-jobs", "events")
        jobs.start()  # which erases by itself within a minute
        eventually(lambda: not named(system, CANARY), "it is erased on its day", 120)
        jobs.kill()
    nowhere(visitor, system, CANARY, COMPANION)
    system.epass("administrator", "invariants", "--grace", "10")


@WALKS
def test_a_parent_sees_copies_and_erases_what_is_kept_of_their_child(
    open_browser: Open, system: System, mobile: str, language: Language, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    child, parent = "Zanarix Kaur", "Yanarix Kaur"
    reference = visitor.apply(child, guardian=parent)
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    desk.find(reference)
    under_18 = desk.page.locator(".govuk-summary-list__row", has_text=translated("Under 18", language))
    expect(under_18).to_contain_text(parent)
    desk.approve(reference)
    pass_of(visitor, system)
    expect(visitor.page.locator("main")).to_contain_text(child)
    expect(visitor.page.locator("main")).not_to_contain_text(parent)
    copy, to_read = copy_of(visitor)
    kept = {one["what"]: one["records"] for one in copy["applications"][0]["kept"]}
    assert "photograph" not in kept
    assert (kept["answers"][0]["guardian"]["name"], child in to_read, parent in to_read) == (
        parent,
        True,
        True,
    )
    assert {place.partition(".")[0] for place in named(system, "Zanarix", "Yanarix")} == SERVED
    cancel_and_erase(visitor, system, reference)
    nowhere(visitor, system, "Zanarix", "Yanarix")


@WALKS
def test_a_person_complains_and_reads_the_answer(
    open_browser: Open, system: System, mobile: str, language: Language, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    page = visitor.page
    visitor.sign_in_at("/requests/new")
    expect(page).to_have_url(f"{system.url}/{language}/requests/new")
    page.check("input[name=kind][value=complaint]")
    page.fill("#text", "ਕਾਊਂਟਰ ਬੰਦ ਸੀ।\nMy card is 2345 6789 0124.")
    press(page, translated("Send", language))
    number = page.url.partition("?")[0].rpartition("/")[2]
    expect(page.locator("main")).to_contain_text(translated("You get an answer at the latest by:", language))
    expect(page.locator("main")).to_contain_text("XXXX XXXX 0124")

    login = new_login(system, "grievance")
    officer = Staff(open_browser(DESK, scripts=scripts), system, "grievance", language, login)
    officer.page.get_by_role("link", name=number).click()
    officer.page.fill("#answer", "ਹੁਣ ਖੁੱਲ੍ਹਾ ਹੈ। It is open again.")
    press(officer.page, translated("Send the answer", language))
    expect(officer.page.locator("main")).to_contain_text(translated("Answered", language))

    told = newest_message(system, mobile, "request_answered")["text"]
    assert "It is open again" not in told
    link = next(word for word in told.split() if word.startswith(system.url))
    page.goto(link)
    expect(page.locator("main")).to_contain_text("It is open again.")
    visitor.open("/requests")
    expect(page.locator("main")).to_contain_text(number)
