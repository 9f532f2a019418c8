// One app on a device: what is admitted is held in memory, which another tab would not see.
const NAME = "epass-gate";

/** Resolve once no other tab of this device has the app open. Calls `wait` where one has. */
export async function beTheOnlyOne(wait: () => void, locks: LockManager | undefined = navigator.locks): Promise<void> {
  if (locks === undefined) return;
  if (await take(locks, { ifAvailable: true })) return;
  wait();
  await take(locks, {});
}

/** Take the lock until this page is closed. Returns whether it was free. */
function take(locks: LockManager, options: LockOptions): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const held = locks.request(NAME, options, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise(() => undefined);
    });
    held.catch(reject);
  });
}
