// A page that waits for something looks again by itself, and shows what has changed; without scripts it loads itself anew.
// `data-replaces` names what is shown anew, where it is not the whole page; `data-from` where to look, where it is another page.
const STATE = "#state";

async function look() {
  const shown = document.querySelector(STATE);
  const { from = location.href, replaces = "main" } = shown.dataset;
  const answer = await fetch(from, { headers: { Accept: "text/html" } });
  if (!answer.ok) return true; // a service is down for a moment: look again
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const found = page.querySelector(STATE);
  if (!found) location.reload(); // signed out
  else if (found.dataset.state !== shown.dataset.state) document.querySelector(replaces).replaceWith(page.querySelector(replaces));
  return Boolean(found?.hasAttribute("data-wait-for-change"));
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
