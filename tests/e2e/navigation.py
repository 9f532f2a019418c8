"""Bringing a page of a browser into a state, and looking at what keeps people out of it."""

from playwright.sync_api import Page

from tests.e2e.page_samples import State
from tests.support.stack.paths import ROOT
from tests.support.system.page_reader import HIDDEN, SAME_SITE
from tests.support.system.pages_alone import PagesAlone

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
FOUND = """async () => (await axe.run(document)).violations
  .map((one) => one.id + ": " + one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", "))"""
POST = """([path, fields]) => {
  const form = document.createElement("form");
  form.method = "post"; form.action = path;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    input.type = "hidden"; input.name = name; input.value = value; form.append(input);
  }
  document.body.append(form); form.submit();
}"""


def post(page: Page, path: str, form: dict[str, str]) -> int:
    """Post a form from a page of this site, as a browser does, and return the status."""
    with page.expect_navigation() as landed:
        page.evaluate(POST, [path, form])
    answer = landed.value
    assert answer is not None
    return answer.status


def follow(page: Page, path: str) -> int:
    """Open a page as a link does, and return the status; at a kiosk a typed address begins anew."""
    page.goto("/en/cleared")
    with page.expect_navigation() as landed:
        page.evaluate("path => location.assign(path)", path)
    answer = landed.value
    assert answer is not None
    return answer.status


def bring(page: Page, alone: PagesAlone, state: State, language: str) -> int:
    """Bring a page into a state and return its status."""
    alone.reset()
    alone.sign_in(page.context, state.who)
    request = page.context.request
    for path, form in state.before:
        own = dict(HIDDEN.findall(request.get(f"/{language}{path}").text())) if form is None else form
        request.post(f"/{language}{path}", form=own, headers=SAME_SITE, max_redirects=0)
    alone.answers.update(state.answers)
    if state.form is not None:
        page.goto(f"/{language}/cleared")
        return post(page, f"/{language}{state.path}", state.form)
    if state.who and "kiosk" in state.who:
        return follow(page, f"/{language}{state.path}")
    answer = page.goto(state.path if state.path.startswith("/p/") else f"/{language}{state.path}")
    assert answer is not None
    return answer.status


def barriers(page: Page) -> list[str]:
    """Return what axe finds on a page as it is now, and whether it scrolls sideways."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(FOUND)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    if width > page.viewport_size["width"]:  # type: ignore[index]  # it was set
        found.append(f"scrolls sideways: {width} px")
    return found
