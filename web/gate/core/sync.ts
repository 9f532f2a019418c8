// Sends the scans that the server does not have, in the order in which they happened.
//
// A scan leaves the queue only after the server has said of this very scan that it is recorded, or that it
// never will be. A killed tab, a lost answer, another request for the same scans: each sends the same nonces
// again, and the server records each once.
import { Refused, Unreachable } from "./api.ts";
import type { Api } from "./api.ts";
import type { QueuedScan } from "./wire.ts";
import type { Store, Waiting } from "./store.ts";

/** The most scans of one request, and the most of its bytes; the gateway takes 240 kB. */
export const MOST_SCANS = 200;
const MOST_BYTES = 200_000;
const LIMIT_MS = 10_000;
/** A problem of who is signed in, not of the scan: it waits for a guard of its gate. */
const NOT_YOURS = "not_your_gate";
const FORBIDDEN = 403;

interface Item {
  nonce: string;
  recorded: boolean;
  problem: string | null;
}

/** `SyncedScans` in contracts/rpc/verify/offline_scans.py. */
interface Answer {
  items?: Item[];
  /** After so many seconds the scans that were neither recorded nor refused are sent again. */
  retry_after?: number | null;
}

/** What has become of a scan: recorded, or refused for good with the code of the problem. */
export interface Settled {
  nonce: string;
  problem: string | null;
  /** Whether the server has written a refused one down. */
  isKnown: boolean;
  at?: string;
}

/**
 * Scans that the server does not take now, since this device has sent many unknown numbers. They wait here.
 *
 * It is in memory: after a restart the server says again how long they wait.
 */
export class Deferred {
  readonly #until = new Map<string, number>();

  /** Times are those that pass, in milliseconds. */
  add(nonces: readonly string[], untilMs: number): void {
    for (const nonce of nonces) this.#until.set(nonce, untilMs);
  }

  has(nonce: string, nowMs: number): boolean {
    return nowMs < (this.#until.get(nonce) ?? -Infinity);
  }

  /** Return how many scans wait, and for how long; null where none does. */
  waiting(nowMs: number): { count: number; leftMs: number } | null {
    for (const [nonce, untilMs] of this.#until) if (untilMs <= nowMs) this.#until.delete(nonce);
    const count = this.#until.size;
    return count === 0 ? null : { count, leftMs: Math.max(...this.#until.values()) - nowMs };
  }
}

/**
 * Send all that waits, at most `most` at once. Calls `settled` after each part, once it is deleted here.
 * Returns whether the server answered to each.
 *
 * Scans of a gate that the guard's login does not belong to stay, and hold up no others.
 *
 * Rejects with `Unreachable` or `Refused` (not signed in): then the rest stays.
 */
export async function sendScans(
  store: Store,
  api: Api,
  settled: (done: Settled[]) => void,
  most = MOST_SCANS,
  deferred = new Deferred(),
): Promise<boolean> {
  let after = -Infinity;
  let failed: unknown = null;
  let hasFailed = false;
  for (;;) {
    const waiting = await store.oldestScans(most, after);
    const batch = firstBatch(waiting);
    const last = batch.at(-1);
    if (last === undefined) break;
    try {
      const now = api.clock.passed();
      await send(store, api, batch.filter((one) => !deferred.has(one.nonce, now)), settled, deferred);
      failed = null;
    } catch (error) {
      // One scan alone may be what the server cannot answer; two after each other are the server.
      if (most > 1 || failed !== null || !(error instanceof Unreachable)) throw error;
      failed = error;
      hasFailed = true;
    }
    after = last.place;
  }
  return !hasFailed;
}

/** Return the first scans that may go into one request: of one gate, and not too large together. */
function firstBatch(waiting: readonly Waiting[]): Waiting[] {
  const batch: Waiting[] = [];
  let bytes = 0;
  for (const one of waiting) {
    bytes += JSON.stringify(one.scan).length;
    if (batch.length > 0 && (bytes > MOST_BYTES || one.scan?.gate !== batch[0]?.scan?.gate)) break;
    batch.push(one);
  }
  return batch;
}

/** Send some scans; where the request fails as a whole, each half alone: one never holds up others. */
async function send(
  store: Store,
  api: Api,
  batch: Waiting[],
  settled: (done: Settled[]) => void,
  deferred: Deferred,
): Promise<void> {
  const scans = batch.map((one) => one.scan).filter((scan): scan is QueuedScan => scan !== null);
  const gate = scans[0]?.gate;
  if (gate === undefined) return; // none of them can be opened; they stay for whoever finds their key
  try {
    const answer = await api.post<Answer>("/api/v1/scans/sync", { gate, scans }, LIMIT_MS);
    const items = answer.items ?? [];
    if (answer.retry_after != null) {
      const waiting = items.filter((item) => !item.recorded && item.problem === null);
      deferred.add(waiting.map((item) => item.nonce), api.clock.passed() + answer.retry_after * 1000);
    }
    return await settle(store, batch, items, settled, true);
  } catch (error) {
    if (error instanceof Refused && error.status === FORBIDDEN) return;
    if (!isOfOneScan(error)) throw error;
    if (batch.length > 1) {
      const middle = Math.ceil(batch.length / 2);
      await send(store, api, batch.slice(0, middle), settled, deferred);
      return await send(store, api, batch.slice(middle), settled, deferred);
    }
    if (error instanceof Refused) {
      const items = scans.map(({ nonce }) => ({ nonce, recorded: false, problem: error.code }));
      return await settle(store, batch, items, settled, await isWrittenDown(api, gate, items));
    }
    // The server fails at this scan. It stays, and is tried again in the next round.
  }
}

/** Return whether the server writes down that it refused scans whose form it could not read: their nonces say which. */
async function isWrittenDown(api: Api, gate: string, refused: readonly Item[]): Promise<boolean> {
  try {
    const scans = refused.map(({ nonce }) => ({ nonce }));
    const { items = [] } = await api.post<Answer>("/api/v1/scans/sync", { gate, scans }, LIMIT_MS);
    return items.length === refused.length && items.every((item) => item.problem !== null);
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

/** Return whether a request may have failed because of one of its scans. */
function isOfOneScan(error: unknown): boolean {
  if (error instanceof Refused) return [400, 413, 422].includes(error.status);
  return error instanceof Unreachable && error.status === 500;
}

/** Delete what is done (`isKnown`: the server has answered to each scan by itself); a scan of which the answer says nothing stays. */
async function settle(
  store: Store,
  batch: Waiting[],
  items: readonly Item[],
  settled: (done: Settled[]) => void,
  isKnown: boolean,
): Promise<void> {
  const byNonce = new Map(items.map((item) => [item.nonce, item]));
  const done = batch.flatMap((waiting) => {
    const item = byNonce.get(waiting.nonce);
    const problem = item?.problem ?? null;
    if (waiting.scan === null || problem === NOT_YOURS) return [];
    return problem !== null || item?.recorded === true ? [{ waiting, problem }] : [];
  });
  if (done.length === 0) return;
  await store.settleScans(
    done.map(({ waiting, problem }) => ({
      waiting,
      refused:
        problem === null ? null : { nonce: waiting.nonce, problem, at: waiting.scan?.scanned_at ?? "", isKnown },
    })),
  );
  settled(done.map(({ waiting, problem }) => ({ nonce: waiting.nonce, problem, isKnown, at: waiting.scan?.scanned_at })));
}
