// The desk's queue: opens an application beside the list without loading the page, stays up to date by itself,
// and has keyboard shortcuts. Without scripts each row is a link and the reader reloads the page.
const WIDE = "(min-width: 1024px)";
const POLL_SECONDS = 20;
const queue = document.querySelector(".epass-desk");

const rows = () => [...queue.querySelectorAll("[data-review]")];
const link = (row) => row?.querySelector("[data-opens]");

// The row with the focus, else the one that is open, else none.
const current = () => document.activeElement?.closest("[data-review]") || queue.querySelector(".epass-queue__open");

async function open(href) {
  // The header says that a person asked: their session is in use (services/gateway/edge/origin.py).
  const answer = await fetch(href, { headers: { Accept: "text/html", "Epass-Asked-By-Person": "1" } });
  const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  const detail = page && page.querySelector("#review");
  if (!detail) return location.assign(href); // a service is unavailable, or the session has ended
  queue.querySelector("#review")?.remove();
  queue.append(detail);
  queue.classList.add("epass-desk--open");
  for (const row of rows()) {
    const opened = row.dataset.review === new URL(href, location.href).searchParams.get("open");
    row.classList.toggle("epass-queue__open", opened);
    link(row).setAttribute("aria-current", opened);
  }
  detail.dispatchEvent(new CustomEvent("epass:shown", { bubbles: true }));
  const lost = document.activeElement === document.body;
  (detail.querySelector("[autofocus]") || (lost && link(current())) || undefined)?.focus();
  return undefined;
}

function show(href) {
  if (!matchMedia(WIDE).matches) return location.assign(href);
  history.pushState({}, "", href);
  return open(href);
}

// Opens an application with the form of a decision. A result of a search has a page of its own.
function ask(verb) {
  const href = new URL(link(current())?.href || "", location.href);
  if (!href.searchParams.has("open")) return;
  href.searchParams.set("asks", verb);
  show(href.href);
}

function openBeside(event) {
  const target = event.target.closest("[data-opens]");
  if (!target || !matchMedia(WIDE).matches || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!new URL(target.href).searchParams.has("open")) return; // a result of a search
  event.preventDefault();
  show(target.href);
}

// Brings the list up to date. While somebody works in it, it only says how many applications have come.
async function update(notice) {
  const answer = await fetch(notice.dataset.from, { headers: { Accept: "text/html" } });
  const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page && page.querySelector("#queue");
  if (!next) return; // a service is unavailable, or the session has ended
  document.querySelector(".epass-tabs").replaceWith(page.querySelector(".epass-tabs"));
  const list = document.querySelector("#queue");
  const known = new Set(rows().map((row) => row.dataset.review));
  const isFurther = new URL(location.href).searchParams.has("after");
  if (isFurther || list.contains(document.activeElement) || list.querySelector(":checked")) {
    const fresh = [...next.querySelectorAll("[data-review]")].filter((row) => !known.has(row.dataset.review)).length;
    notice.hidden = isFurther || fresh === 0;
    notice.querySelector("[data-number]").textContent = fresh;
    return;
  }
  const opened = queue.querySelector(".epass-queue__open")?.dataset.review;
  list.replaceWith(next);
  next.querySelector(`[data-review="${opened}"]`)?.classList.add("epass-queue__open");
  notice.hidden = true;
  next.dispatchEvent(new CustomEvent("epass:shown", { bubbles: true }));
}

// Hears from the server that the queue has changed. Where no such stream gets through, it asks now and then. A
// hidden page does not listen, because a browser keeps only a few connections open.
function listen(notice) {
  const refresh = () => update(notice).catch(() => {});
  let source;
  let missed = false;
  const start = () => {
    source = new EventSource(notice.dataset.changes);
    source.addEventListener("changed", refresh);
    source.addEventListener("error", () => {
      missed = true;
    });
    source.addEventListener("open", () => {
      if (missed) refresh();
      missed = false;
    });
  };
  document.addEventListener("visibilitychange", () => {
    source.close();
    missed = true;
    if (!document.hidden) start();
  });
  start();
  setInterval(() => document.hidden || source.readyState === EventSource.OPEN || refresh(), POLL_SECONDS * 1000);
}

// After a decision the page stands where it stood, with the focus on the row that came next.
const PLACE = "epass-desk-place";

function keepPlace(event) {
  if (event.target.matches("#queue form, #review form")) sessionStorage.setItem(PLACE, scrollY);
}

function findPlace() {
  const at = sessionStorage.getItem(PLACE);
  sessionStorage.removeItem(PLACE);
  if (at === null) return;
  const next = document.getElementById(location.hash.slice(1));
  history.replaceState(null, "", location.pathname + location.search); // else the browser takes the focus there
  (link(next) || queue.querySelector(".epass-queue__open [data-opens]"))?.focus({ preventScroll: true });
  // On a narrow screen the next application stands alone, and is read from its name on.
  requestAnimationFrame(() => scrollTo(0, matchMedia(WIDE).matches ? Number(at) : 0));
}

function tickAll(event) {
  const all = event.target.closest("[data-tick-all]");
  if (!all) return;
  event.preventDefault();
  const ticks = [...all.closest("table").querySelectorAll("[name=review]")];
  const tick = ticks.some((one) => !one.checked);
  for (const one of ticks) one.checked = tick;
}

function move(by) {
  const all = rows();
  const at = all.indexOf(current());
  link(all[Math.min(Math.max(at + by, 0), all.length - 1)])?.focus();
}

// Single keys can be switched off in this browser (WCAG 2.2, 2.1.4).
const OFF = "epass-no-shortcuts";

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  o: () => link(current())?.click(),
  a: () => document.activeElement.closest("[data-review]")?.querySelector("[data-approve]")?.click(),
  r: () => ask("reject"),
  s: () => ask("return"),
  f: () => ask("forward"),
  u: () => document.querySelector("[data-undo]")?.click(),
  "/": () => document.querySelector("#q").focus(),
  "?": () => document.querySelector("#shortcuts").showModal(),
};

function press(event) {
  const typing = event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) return;
  // on a Gurmukhi or Devanagari keyboard the place of the key counts
  const placed = event.key > "\u007f" ? event.code.replace("Key", "").toLowerCase() : event.key;
  const act = KEYS[placed];
  if (!act) return;
  event.preventDefault();
  if (!event.repeat || "jk".includes(placed)) act(); // a key that is held down decides once
}

if (queue) {
  queue.addEventListener("click", openBeside);
  queue.addEventListener("click", tickAll);
  document.addEventListener("submit", keepPlace);
  findPlace();
  document.addEventListener("keydown", press);
  addEventListener("popstate", () => location.reload());
  for (const button of document.querySelectorAll("[data-shortcuts]")) {
    button.hidden = false;
    button.addEventListener("click", KEYS["?"]);
  }
  const switched = document.querySelector("#shortcuts-on");
  switched.checked = !localStorage.getItem(OFF);
  switched.addEventListener("change", () => {
    if (switched.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
  });
  const notice = document.querySelector("#fresh");
  if (notice) listen(notice);
}
