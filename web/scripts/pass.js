// The page of a pass: keeps a copy on this phone where its owner asks for that, says so, and knows when the pass is over.
const CACHE = "kept-passes"; // worker.js has the same
const here = location.pathname;
const part = (name) => document.querySelector(`[data-pass=${name}]`);

function show(name, visible) {
  if (part(name)) part(name).hidden = !visible;
}

function say(kept, failed = false) {
  show("keep", !kept);
  show("forget", kept);
  show("kept", kept);
  show("failed", failed);
}

// Everything of ours that the page has loaded: styles, scripts, fonts.
function assets() {
  const named = [...document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]")].map((one) => one.href || one.src);
  const loaded = performance.getEntriesByType("resource").map((one) => one.name);
  return [...new Set([...named, ...loaded])].filter((address) => address.startsWith(`${location.origin}/static/`));
}

async function keep() {
  await navigator.serviceWorker.register("/p/worker.js");
  const page = await fetch(location.href);
  if (!page.ok) throw new Error("the page did not come");
  const cache = await caches.open(CACHE);
  await cache.addAll(assets());
  await cache.put(here, page);
  await navigator.serviceWorker.ready;
}

// With the last pass its assets and the worker go too: phones are shared.
async function forget() {
  const cache = await caches.open(CACHE);
  await cache.delete(here);
  const others = (await cache.keys()).filter((kept) => new URL(kept.url).pathname.startsWith("/p/"));
  if (others.length) return;
  await caches.delete(CACHE);
  const registration = await navigator.serviceWorker.getRegistration(here);
  if (registration) await registration.unregister();
}

async function offerToKeep() {
  const cache = (await caches.has(CACHE)) && (await caches.open(CACHE));
  const kept = Boolean(cache && (await cache.match(here)));
  say(kept);
  if (kept && navigator.onLine) cache.addAll(assets()).catch(() => {}); // those of a newer release
  part("keep").addEventListener("click", () => keep().then(() => say(true), () => say(false, true)));
  part("forget").addEventListener("click", () => forget().then(() => say(false)));
}

// A copy that is opened without the internet cannot ask whether the pass is over; the clock can tell.
function lookAtTheClock() {
  const over = Date.now() >= Date.parse(document.querySelector("[data-until]").dataset.until);
  show("over", over);
  show("good", !over);
  show("actions", !over);
}

if (part("print")) {
  show("print", true);
  part("print").addEventListener("click", () => print());
}
if (document.querySelector("[data-until]")) {
  lookAtTheClock();
  setInterval(lookAtTheClock, 15_000);
}
if (part("keep") && "serviceWorker" in navigator && "caches" in window) offerToKeep();
