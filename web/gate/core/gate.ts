// The gate: takes what is scanned, asks the gateway or decides by itself, and records.
import type { Clock, GateApi } from "./model.ts";
import type { Store } from "./store.ts";

export interface Deps {
  fetch: typeof fetch;
  store: Store;
  clock: Clock;
  crypto: Crypto;
}

/** How {@link Gate.open} is declared; core/fake.ts stands in until it is there. */
export type OpenGate = (deps: Deps) => Promise<GateApi>;
