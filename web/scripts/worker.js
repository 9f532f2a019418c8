// The service worker of /p/: opens passes that pass.js stored on this phone when the network does not answer.
// It stores nothing else. Every answer of the network replaces the stored copy.
const CACHE = "kept-passes"; // the same as in kept-passes.js
const PATIENCE = 5000; // ms; at a crowded gate a network often neither answers nor fails

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin) return;
  if (pathname.startsWith("/static/")) event.respondWith(asset(event.request));
  else if (/^\/p\/[\w-]{22}$/.test(pathname)) event.respondWith(pass(url, pathname));
});

// The name of an asset changes with its content.
async function asset(request) {
  return (await fromCache(request)) || fetch(request);
}

async function fromCache(request) {
  if (!(await caches.has(CACHE))) return undefined;
  return (await caches.open(CACHE)).match(request, { ignoreVary: true });
}

async function pass(url, path) {
  const copy = await fromCache(path);
  if (!copy) return fetch(url);
  try {
    const answer = await fromNetwork(url);
    if (answer.status >= 500) return asCopy(copy);
    await replace(path, answer.clone());
    return answer;
  } catch {
    return asCopy(copy);
  }
}

async function fromNetwork(url) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), PATIENCE);
  try {
    return await fetch(url, { signal: control.signal, redirect: "manual" });
  } finally {
    clearTimeout(timer);
  }
}

async function replace(path, answer) {
  const cache = await caches.open(CACHE);
  if (answer.ok) await cache.put(path, answer);
  else if (answer.status === 404) await cache.delete(path);
}

// The styles show the sentence about the copy by this mark.
async function asCopy(copy) {
  const text = await copy.text();
  return new Response(text.replace("<html ", "<html data-copy "), { headers: copy.headers });
}
