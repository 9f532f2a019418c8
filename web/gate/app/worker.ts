// The service worker of /gate: stores the shell and what it is made of, so that the app opens without a network.
// It stores nothing else: no answer of the interface and nothing of a person. The gateway puts STORED in front of
// it. A new version is stored beside the running one, and takes over when the app is opened the next time.
declare const STORED: { version: string; shell: string; files: string[] };

interface ExtendableEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends Event {
  request: Request;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  addEventListener(kind: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(kind: "fetch", listener: (event: FetchEvent) => void): void;
}
const PREFIX = "gate-app-";
const CACHE = PREFIX + STORED.version;
const KEPT = new Set([STORED.shell, ...STORED.files]);
const worker = globalThis as unknown as Scope;

/** Store a file, but not a redirect to the sign-in or an error in its place. */
async function store(cache: Cache, path: string): Promise<void> {
  const answer = await fetch(path, { cache: "no-cache", redirect: "error" });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  await cache.put(path, answer);
}

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await Promise.all([...KEPT].map((path) => store(cache, path)));
}

async function removeOlder(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PREFIX) && name !== CACHE).map((name) => caches.delete(name)));
}

async function respond(request: Request, path: string): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(path, { ignoreVary: true })) ?? fetch(request);
}

worker.addEventListener("install", (event) => event.waitUntil(install()));
worker.addEventListener("activate", (event) => event.waitUntil(removeOlder()));
worker.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  const { origin, pathname } = new URL(url);
  if (method !== "GET" || origin !== location.origin || !KEPT.has(pathname)) return;
  event.respondWith(respond(event.request, pathname));
});
