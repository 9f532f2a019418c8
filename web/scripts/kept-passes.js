// The passes that are saved on this phone.
export const CACHE = "kept-passes"; // the same as in worker.js; phones have it, so it must not change

async function kept(cache) {
  return (await cache.keys()).filter((request) => new URL(request.url).pathname.startsWith("/p/"));
}

// Removes passes; with the last one also the assets and the worker, because people share phones.
export async function remove(...paths) {
  const cache = await caches.open(CACHE);
  for (const path of paths) await cache.delete(path);
  if ((await kept(cache)).length) return;
  await caches.delete(CACHE);
  const registration = await navigator.serviceWorker.getRegistration("/p/");
  if (registration) await registration.unregister();
}

// Removes the passes of applications; returns how many there were.
export async function removeOf(references) {
  if (!(await caches.has(CACHE))) return 0;
  const cache = await caches.open(CACHE);
  const found = [];
  for (const request of await kept(cache)) {
    const text = await (await cache.match(request, { ignoreVary: true })).text();
    if (references.some((reference) => text.includes(reference))) found.push(new URL(request.url).pathname);
  }
  if (found.length) await remove(...found);
  return found.length;
}
