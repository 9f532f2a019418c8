// Prints how long the gate takes to decide without a network: `npm run time`.
import { performance } from "node:perf_hooks";
import type { IdCheck } from "../core/model.ts";
import { OTHER, Server, openGate, pass, tokenOf } from "./server.ts";

const PASSES = 5_000;
const SCANS = 300;
const ID: IdCheck = { kind: "matched", idType: "voter_id", last4: "4821" };

function percentile(times: number[], share: number): string {
  return (times.sort((one, other) => one - other)[Math.floor(times.length * share)] ?? 0).toFixed(2);
}

async function timed(work: () => Promise<unknown>, times: number[]): Promise<void> {
  const start = performance.now();
  await work();
  times.push(performance.now() - start);
}

const server = new Server();
const all = Array.from({ length: PASSES }, (_, at) => pass({ pass: `T${String(at).padStart(7, "0")}` }));
server.passes = new Map([...all, pass({ pass: OTHER })].map((one) => [one.pass, one]));
server.manifest = { passes: [...server.passes.values()], next: null };
const opening: number[] = [];
let opened: Awaited<ReturnType<typeof openGate>> | undefined;
await timed(async () => {
  opened = await openGate(server);
}, opening);
if (opened === undefined) throw new Error("the gate did not open");
const { gate } = opened;
server.down = true;
const previews: number[] = [];
const entries: number[] = [];
for (const one of all.slice(0, SCANS)) {
  const token = await tokenOf(one);
  await timed(() => gate.scan(token, "entry"), previews);
  await timed(() => gate.admit(ID), entries);
}
console.log(`a manifest of ${PASSES} passes, fetched, encrypted and stored: ${percentile(opening, 0)} ms`);
for (const [what, times] of [
  ["token checked and verdict shown", previews],
  ["entry decided, encrypted and stored", entries],
] as const) {
  console.log(`${what}: ${percentile(times, 0.5)} ms (median), ${percentile(times, 0.99)} ms (99 %)`);
}
