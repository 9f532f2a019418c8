// Refreshes a page that waits for something, and shows what has changed.
// `data-replaces` names the part to replace, if it is not the whole page; `data-from` the page to fetch, if
// it is another one; with `data-pauses` it is not fetched while nobody sees it.
// Where nothing may stay that is no longer true, a `template[data-lost]` has what takes the place of that part
// once nobody is signed in, or once the page could not be fetched for so many seconds.
const STATE = "#state";
const lost = document.querySelector("template[data-lost]");
let heard = performance.now();

async function refresh() {
  const shown = document.querySelector(STATE);
  const { from = location.href, replaces, pauses, state: known } = shown.dataset;
  if (pauses !== undefined && document.hidden) return true; // nobody looks at it
  if (document.querySelector(`${replaces || "main"} details[open]`)) return true; // somebody is at it
  const answer = await fetch(from, { headers: { Accept: "text/html", "If-None-Match": `"${known}"` } });
  if (answer.ok || answer.status === 304) heard = performance.now();
  if (answer.status === 401 || answer.status === 403) lose();
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
  lose();
  if (!replaces) location.reload();
  return Boolean(replaces);
}

function lose() {
  const shown = document.querySelector(STATE);
  if (!lost || shown.dataset.state === "lost") return;
  shown.replaceChildren(lost.content.cloneNode(true));
  shown.dataset.state = "lost"; // so that the next answer takes its place
}

async function wait(seconds) {
  let waits = true;
  while (waits) {
    await new Promise((pass) => setTimeout(pass, seconds * 1000));
    waits = await refresh().catch(() => true);
    if (lost && performance.now() - heard > Number(lost.dataset.lost) * 1000) lose();
  }
}

const state = document.querySelector(`${STATE}[data-wait-for-change]`);
if (state) wait(Number(state.dataset.waitForChange));
