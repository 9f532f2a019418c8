// The signed list of revoked passes that a gate holds, and how it changes.
//
// The server sends the whole list, or a signed delta to it. A delta is taken only where it begins at or before
// the held list, and where the result has the digest that it names: else the gate fetches the whole list.
import { digestOf } from "./digest.ts";
import { ListRefused, TOLERANCE_MS } from "./refusals.ts";
import { TokenRefused, isStatusDelta, readStatusDelta, readStatusList } from "./tokens.ts";
import type { Keys, StatusClaims, StatusDeltaClaims } from "./tokens.ts";

/** A list as it is held: its numbers, when it was signed, and its digest. */
export interface HeldStatus {
  iat: number;
  seq: number;
  digest: string;
  revoked: string[];
}

export class RevokedList {
  #held: HeldStatus | null = null;
  #numbers: ReadonlySet<string> = new Set();

  get held(): HeldStatus | null {
    return this.#held;
  }

  /** What the server has to know to send a delta; null where there is no list yet. */
  get mark(): string | null {
    return this.#held && `${this.#held.seq}.${this.#held.digest}`;
  }

  /** When the list was signed, in milliseconds; `-Infinity` where there is none. */
  get signedMs(): number {
    return (this.#held?.iat ?? -Infinity) * 1000;
  }

  has(number: string): boolean {
    return this.#numbers.has(number);
  }

  /**
   * Take a list or a delta if it is newer than the held list. Returns whether it is.
   *
   * Rejects with {@link ListRefused}: it is from the future, too old, nobody of ours signed it, or it is a
   * delta to another list.
   */
  async take(jws: string, keys: Keys, issuer: string, now: number): Promise<boolean> {
    const found = await read(jws, keys, issuer, now);
    // By the time, not by `seq`: a restored backup of issuance counts from an earlier number.
    const newer = found.iat - (this.#held?.iat ?? -Infinity);
    if (newer * 1000 < -TOLERANCE_MS) throw new ListRefused("rolled_back");
    if (newer <= 0) return false;
    this.hold("since" in found ? await applyDelta(this.#held, found) : await heldOf(found));
    return true;
  }

  /** Hold what was stored: it was checked when it came. */
  hold(held: HeldStatus): void {
    this.#held = held;
    this.#numbers = new Set(held.revoked);
  }

  /** Take the held list for one that was signed at another time. */
  date(signedMs: number): void {
    if (this.#held !== null) this.#held = { ...this.#held, iat: Math.floor(signedMs / 1000) };
  }

  clear(): void {
    this.#held = null;
    this.#numbers = new Set();
  }
}

/** Return the claims of a genuine list or delta. Rejects with {@link ListRefused}. */
export async function read(
  jws: string,
  keys: Keys,
  issuer: string,
  now: number,
): Promise<StatusClaims | StatusDeltaClaims> {
  const reader = isStatusDelta(jws) ? readStatusDelta : readStatusList;
  const found = await reader(jws, keys, issuer).catch((error: unknown) => {
    const isNew = error instanceof TokenRefused && error.reason === "unknown_key";
    throw new ListRefused(isNew ? "unknown_key" : "forged");
  });
  if (found.iat * 1000 > now + TOLERANCE_MS) throw new ListRefused("future");
  return found;
}

async function heldOf({ iat, seq, revoked }: StatusClaims): Promise<HeldStatus> {
  return { iat, seq, revoked, digest: await digestOf(revoked) };
}

/** Return the list that a delta makes of the held one. Rejects with {@link ListRefused}. */
export async function applyDelta(held: HeldStatus | null, delta: StatusDeltaClaims): Promise<HeldStatus> {
  const isFitting = held !== null && delta.since <= held.seq && held.seq < delta.seq;
  if (!isFitting || (delta.since === held.seq && delta.base !== held.digest)) throw new ListRefused("other_base");
  const numbers = new Set(held.revoked);
  for (const number of delta.revoked) numbers.add(number);
  for (const number of delta.ended) numbers.delete(number);
  const digest = await digestOf(numbers);
  if (digest !== delta.digest) throw new ListRefused("other_base");
  return { iat: delta.iat, seq: delta.seq, digest, revoked: [...numbers] };
}
