// The agreement of a supervisor to one entry: proven to the server, and checked here where it does not answer.
import { GateProblem } from "./model.ts";
import type { Supervisor, Verdict } from "./model.ts";
import { deriveKey, isKeyOf, prove, readPin } from "./pin.ts";
import type { WireSupervisorKey } from "./pin.ts";
import { checkedReason } from "./requests.ts";
import type { WireScan, WireSupervisor } from "./wire.ts";

const MOST_WRONG = 5;
const LOCKED_MS = 900_000;

export interface Agreement {
  wire: WireSupervisor;
  /** Whether the PIN is the one whose verifier this gate holds. */
  isTheirs: boolean;
}

/** Return the agreement to a scan, and to what is set aside with it. Throws {@link GateProblem} where the guard has to correct it. */
export async function agree(
  subtle: SubtleCrypto,
  held: readonly WireSupervisorKey[],
  supervisor: Supervisor,
  login: string | null,
  scan: WireScan,
  overrides: readonly Verdict[] = [],
): Promise<Agreement> {
  const reason = checkedReason(supervisor);
  if (supervisor.login === login) throw new GateProblem("own_scan");
  const theirs = held.find((one) => one.login_id === supervisor.login);
  if (theirs === undefined) throw new GateProblem("no_supervisor");
  const pin = readPin(supervisor.pin);
  if (pin === null) throw new GateProblem("wrong_pin");
  const key = await deriveKey(subtle, pin, theirs);
  const proof = await prove(subtle, key, scan.nonce, scan.token ?? scan.pass_number ?? "", overrides);
  const wire = { login_id: theirs.login_id, reason, proof, ...(overrides.length > 0 ? { overrides } : {}) };
  return { wire, isTheirs: await isKeyOf(subtle, key, theirs) };
}

/** Counts the wrong PINs that were typed while the server did not answer, which counts them otherwise. */
export class WrongPins {
  readonly #wrong = new Map<string, { times: number; at: number }>();

  /** What is counted, to be stored and restored. */
  get counted(): [string, { times: number; at: number }][] {
    return [...this.#wrong];
  }

  restore(counted: [string, { times: number; at: number }][] = []): void {
    for (const [login, wrong] of counted) this.#wrong.set(login, wrong);
  }

  /** Throw {@link GateProblem} where a PIN is wrong, or too many were. */
  require(agreement: Agreement, now: number): void {
    const login = agreement.wire.login_id;
    const { times, at } = this.#wrong.get(login) ?? { times: 0, at: now };
    if (times >= MOST_WRONG && Math.abs(now - at) < LOCKED_MS) throw new GateProblem("pin_locked");
    if (agreement.isTheirs) {
      this.#wrong.delete(login);
      return;
    }
    this.#wrong.set(login, { times: times >= MOST_WRONG ? 1 : times + 1, at: now });
    throw new GateProblem("wrong_pin");
  }
}
