// Opens the gate with what this device holds, and begins to send and fetch.
import { Gate } from "../core/gate.ts";
import type { GateApi } from "../core/model.ts";
import { Store } from "../core/store.ts";
import { deviceClock } from "./clock.ts";
import { appVersion, keepMs, lockMs } from "./texts.ts";

/** Both clocks of this device. */
export const clock = deviceClock();

/** Open the gate. Calls `blocked` where an older app in another tab has to be closed first. */
export async function openGate(blocked: () => void): Promise<GateApi> {
  const store = await Store.open(crypto, undefined, { blocked, wanted: () => location.reload() });
  const gate = await Gate.open({
    store, crypto, clock, keepMs, version: appVersion, fetch: (...request) => fetch(...request),
    locks: lockMs < Infinity,
  });
  gate.start();
  return gate;
}
