// Refreshes a page that waits for something, and shows what has changed.
// `data-replaces` names the part to replace, if it is not the whole page; `data-from` the page to fetch, if
// it is another one; with `data-pauses` it is not fetched while nobody sees it.
const STATE = "#state";

async function refresh() {
  const shown = document.querySelector(STATE);
  const { from = location.href, replaces, pauses, state: known } = shown.dataset;
  if (pauses !== undefined && document.hidden) return true; // nobody looks at it
  if (document.querySelector(`${replaces || "main"} details[open]`)) return true; // somebody is at it
  const answer = await fetch(from, { headers: { Accept: "text/html", "If-None-Match": `"${known}"` } });
  if (!answer.ok) return true; // nothing has changed, or a service is unavailable: ask again
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.querySelector(STATE);
  if (!found) return signedOut(replaces);
  if (found.dataset.state === undefined) return true; // the state is not known just now
  if (found.dataset.state !== shown.dataset.state) replace(page, replaces);
  return found.hasAttribute("data-wait-for-change");
}

// Replaces the whole page with its title, or one part of it. A reader who uses the keyboard keeps the focus.
function replace(page, part) {
  if (!part) document.title = page.title;
  const old = document.querySelector(part || "main");
  const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
  old.replaceWith(page.querySelector(part || "main"));
  if (focused) document.querySelector(`${part || "main"} a[href="${focused}"]`)?.focus();
}

// A page that only waits goes to the sign-in page. One on which somebody may be typing stays, and tries
// again.
function signedOut(replaces) {
  if (!replaces) location.reload();
  return Boolean(replaces);
}

async function wait(seconds) {
  let waits = true;
  while (waits) {
    await new Promise((pass) => setTimeout(pass, seconds * 1000));
    waits = await refresh().catch(() => true);
  }
}

const state = document.querySelector(`${STATE}[data-wait-for-change]`);
if (state) wait(Number(state.dataset.waitForChange));
