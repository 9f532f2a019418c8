// The service worker of /p/: opens passes that were kept on this phone (pass.js keeps them) when the network does not answer.
// Nothing else is ever kept. Whatever the network says of a kept pass takes the copy's place.
const CACHE = "kept-passes";
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
  return (await kept(request)) || fetch(request);
}

async function kept(what) {
  return (await caches.has(CACHE)) ? (await caches.open(CACHE)).match(what, { ignoreVary: true }) : undefined;
}

async function pass(url, path) {
  const copy = await kept(path);
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

// The styles show a copy's own sentence by this mark.
async function asCopy(copy) {
  const text = await copy.text();
  return new Response(text.replace("<html ", "<html data-copy "), { headers: copy.headers });
}
