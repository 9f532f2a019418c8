// The page of a pass: stores a copy on this phone on request, shows whether it is stored, and when the pass
// is over.
import "./auto-refresh.js";
import { CACHE, remove } from "./kept-passes.js";

const here = location.pathname;
const part = (name) => document.querySelector(`[data-pass=${name}]`);

function show(name, visible) {
  if (part(name)) part(name).hidden = !visible;
}

function showStored(stored, failed = false) {
  show("store", !stored);
  show("remove", stored);
  show("stored", stored);
  show("failed", failed);
}

// Returns the addresses of all assets that the page has loaded: styles, scripts, fonts.
function assets() {
  const tags = document.querySelectorAll("link[rel=stylesheet], link[rel=icon], script[src]");
  const named = [...tags].map((tag) => tag.href || tag.src);
  const loaded = performance.getEntriesByType("resource").map((one) => one.name);
  const addresses = [...new Set([...named, ...loaded])];
  return addresses.filter((address) => address.startsWith(`${location.origin}/static/`));
}

async function store() {
  await navigator.serviceWorker.register("/p/worker.js");
  const page = await fetch(location.href);
  if (!page.ok) throw new Error("the page could not be fetched");
  const cache = await caches.open(CACHE);
  await cache.addAll(assets());
  await cache.put(here, page);
  await navigator.serviceWorker.ready;
}

async function offerToStore() {
  const cache = (await caches.has(CACHE)) && (await caches.open(CACHE));
  const stored = Boolean(cache && (await cache.match(here)));
  showStored(stored);
  if (stored && navigator.onLine) cache.addAll(assets()).catch(() => {}); // those of a newer release
  const stores = () => store().then(() => showStored(true), () => showStored(false, true));
  part("store").addEventListener("click", stores);
  part("remove").addEventListener("click", () => remove(here).then(() => showStored(false)));
}

// A copy that is opened offline cannot ask the server whether the pass is over, so it uses the clock.
function checkClock() {
  const over = Date.now() >= Date.parse(document.querySelector("[data-until]").dataset.until);
  show("over", over);
  show("good", !over);
  show("actions", !over);
}

// The code of a standing pass is new for two minutes. Without a network the old one stays: the gate then asks for
// the ID card's last four.
async function renew() {
  const page = await fetch(location.href);
  if (!page.ok) return;
  const renewed = new DOMParser().parseFromString(await page.text(), "text/html").querySelector(".epass-qr");
  if (renewed) document.querySelector(".epass-qr").replaceChildren(...renewed.childNodes);
  else location.reload(); // it is suspended, or over
}

if (document.querySelector("[data-renews]")) {
  const renews = () => renew().catch(() => {});
  setInterval(renews, 60_000);
  document.addEventListener("visibilitychange", () => document.hidden || renews()); // a phone that slept
}
if (part("print")) {
  show("print", true);
  part("print").addEventListener("click", () => print());
}
if (document.querySelector("[data-until]")) {
  checkClock();
  setInterval(checkClock, 15_000);
}
if ("serviceWorker" in navigator && "caches" in window) {
  // Of a pass that was cancelled the new copy says so without a network; one that has done its work may go.
  const isOver = document.querySelector(".epass-ticket--used, .epass-ticket--expired");
  if (part("store")) offerToStore();
  else if (isOver) caches.has(CACHE).then((has) => has && remove(here));
}
