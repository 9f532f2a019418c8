// Opens the gate with what this device holds, and begins to send and fetch.
import { Gate } from "../core/gate.ts";
import type { GateApi } from "../core/model.ts";
import { Store } from "../core/store.ts";

export async function openGate(): Promise<GateApi> {
  const store = await Store.open(crypto);
  const gate = await Gate.open({
    store, crypto, fetch: (...request) => fetch(...request), clock: { now: () => Date.now() },
  });
  gate.start();
  return gate;
}
