// A page that waits for something looks again by itself, and shows what has changed.
// `data-replaces` names what is shown anew, where it is not the whole page; `data-from` where to look, where it is another page.
const STATE = "#state";

async function look() {
  const shown = document.querySelector(STATE);
  const { from = location.href, replaces } = shown.dataset;
  const answer = await fetch(from, { headers: { Accept: "text/html" } });
  if (!answer.ok) return true; // a service is down for a moment: look again
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.querySelector(STATE);
  if (!found) return signedOut(replaces);
  if (found.dataset.state === undefined) return true; // nobody can tell just now
  if (found.dataset.state !== shown.dataset.state) replace(page, replaces);
  return found.hasAttribute("data-wait-for-change");
}

// The whole page with its title, or the one part of it; whoever goes through that by keyboard keeps the place.
function replace(page, part) {
  if (!part) document.title = page.title;
  const old = document.querySelector(part || "main");
  const focused = old.contains(document.activeElement) && document.activeElement.getAttribute("href");
  old.replaceWith(page.querySelector(part || "main"));
  if (focused) document.querySelector(`${part || "main"} a[href="${focused}"]`)?.focus();
}

// A page that waits leads to signing in; one on which somebody may be writing is left as it is, and looks again.
function signedOut(replaces) {
  if (!replaces) location.reload();
  return Boolean(replaces);
}

async function wait(seconds) {
  let waits = true;
  while (waits) {
    await new Promise((pass) => setTimeout(pass, seconds * 1000));
    waits = await look().catch(() => true);
  }
}

const state = document.querySelector(`${STATE}[data-wait-for-change]`);
if (state) wait(Number(state.dataset.waitForChange));
