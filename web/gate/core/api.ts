// Requests to the gateway, each with a time limit, and what their answers say of this device's clock.
//
// The session is the cookie of the sign-in page. The gateway takes it from requests of its own origin only,
// which browsers mark in headers that no page can forge (services/gateway/access/admission.py); a body has to be JSON.
import type { Clock } from "./model.ts";

/** A clock that is further off is noticed. The server's time is used in its place, however far it is off. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Nobody answered, or who answered cannot do it now. What was asked may have happened. */
export class Unreachable extends Error {
  /** The status of the answer, or null where there was none. */
  readonly status: number | null;

  constructor(status: number | null = null) {
    super(status === null ? "unreachable" : `status ${status}`);
    this.status = status;
  }
}

/** The gateway does not do it: a problem as RFC 9457 has it. */
export class Refused extends Error {
  readonly status: number;
  /** The code of the first field that is not accepted, else of the whole request. */
  readonly code: string;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/**
 * The time of the server, as this device last heard it.
 *
 * From there it goes on by the time that passes, so that it stays right while somebody sets the clock.
 */
export class CorrectedClock {
  readonly #clock: Clock;
  /** By how much this device is ahead of the server, as of the last answer. */
  #offsetMs = 0;
  /** The latest time that the server has told. A clock that was set back never goes before it. */
  #latestMs = 0;
  #scannedMs = 0;
  /** The time, and what had passed then. */
  #known = { at: 0, passed: 0 };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.restore(0, 0);
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  get latestMs(): number {
    return Math.max(this.#latestMs, this.#scannedMs);
  }

  /** Go on from what was stored. */
  restore(offsetMs: number, latestMs: number): void {
    this.#offsetMs = offsetMs;
    this.#latestMs = latestMs;
    this.#keep();
  }

  now(): number {
    return Math.max(this.#known.at + this.passed() - this.#known.passed, this.latestMs);
  }

  /** Return the milliseconds since some moment: for whatever waits or measures. */
  passed(): number {
    return this.#clock.passed();
  }

  /** Return the time of a scan: never before that of the last one. */
  scanned(): number {
    this.#scannedMs = this.now();
    return this.#scannedMs;
  }

  /** By how many seconds this device is ahead; 0 within the tolerance. */
  get offS(): number {
    const off = this.#clock.now() - this.now();
    return Math.abs(off) > CLOCK_TOLERANCE_MS ? Math.round(off / 1000) : 0;
  }

  /** Compare with the `Date` of an answer that has just come; it has whole seconds. */
  note(date: string | null): void {
    const server = Date.parse(date ?? "");
    if (Number.isNaN(server)) return;
    this.#offsetMs = this.#clock.now() - server;
    this.#latestMs = server;
    // Of a time before the first answer nothing is known.
    if (this.#scannedMs > server + CLOCK_TOLERANCE_MS) this.#scannedMs = 0;
    this.#keep();
  }

  #keep(): void {
    const at = Math.max(this.#clock.now() - this.#offsetMs, this.latestMs);
    this.#known = { at, passed: this.passed() };
  }
}

export class Api {
  readonly #fetch: typeof fetch;
  readonly #deadline: (ms: number) => AbortSignal;
  readonly #onTime: () => void;
  readonly clock: CorrectedClock;

  /** `onTime` is called after each answer has told the server's time. */
  constructor(fetcher: typeof fetch, clock: Clock, deadline: (ms: number) => AbortSignal, onTime: () => void) {
    this.#fetch = fetcher;
    this.#deadline = deadline;
    this.#onTime = onTime;
    this.clock = new CorrectedClock(clock);
  }

  /** Return the JSON at a path. Rejects with {@link Unreachable} or {@link Refused}. */
  async get<T>(path: string, limitMs: number): Promise<T> {
    return this.#parsed<T>(await this.#ask(path, { method: "GET" }, limitMs));
  }

  /** Return the text at a path, which is no JSON. */
  async text(path: string, limitMs: number): Promise<string> {
    return (await this.#ask(path, { method: "GET" }, limitMs)).body;
  }

  /** Send JSON, and return the answer. */
  async post<T>(path: string, body: unknown, limitMs: number): Promise<T> {
    const headers = { "Content-Type": "application/json" };
    return this.#parsed<T>(
      await this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) }, limitMs),
    );
  }

  /** Ask for something to be done, whose answer says nothing; with a key a repeat has no second effect. */
  async command(
    method: "POST" | "DELETE", path: string, body: unknown, limitMs: number, key: string | null = null,
  ): Promise<void> {
    const headers = { "Content-Type": "application/json", ...(key === null ? {} : { "Idempotency-Key": key }) };
    await this.#ask(path, body === null ? { method } : { method, headers, body: JSON.stringify(body) }, limitMs);
  }

  async #ask(path: string, request: RequestInit, limitMs: number): Promise<{ status: number; body: string }> {
    const always: RequestInit = { credentials: "same-origin", cache: "no-store", redirect: "error" };
    let status: number | null = null;
    try {
      const answer = await this.#fetch(path, { ...always, ...request, signal: this.#deadline(limitMs) });
      status = answer.status;
      this.clock.note(answer.headers.get("Date")); // of this moment; a large body comes much later
      this.#onTime();
      const body = await answer.text();
      if (answer.ok) return { status, body };
      if (status < 500) throw new Refused(status, codeOf(body, status));
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    throw new Unreachable(status);
  }

  /** Return what a body says; one that is no JSON came from somebody else, such as a hotel's sign-in page. */
  #parsed<T>(answer: { status: number; body: string }): T {
    try {
      return JSON.parse(answer.body) as T;
    } catch {
      throw new Unreachable(answer.status);
    }
  }
}

function codeOf(body: string, status: number): string {
  try {
    const problem = JSON.parse(body) as { code?: string; errors?: { code?: string }[] };
    return problem.errors?.[0]?.code ?? problem.code ?? `status_${status}`;
  } catch {
    throw new Unreachable(status); // not an answer of the gateway
  }
}
