// The manifest by deltas: contracts/samples/manifest_deltas.json has what a gate holds after each.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireManifest } from "../core/manifest.ts";
import { ListRefused } from "../core/refusals.ts";
import { applyManifestDelta } from "../core/served.ts";
import { RIGHT } from "./scans.ts";
import { Device, GATE, MINUTE, NUMBER, OTHER, Server, openGate, pass } from "./server.ts";
import { sample } from "./support.ts";

interface Line {
  manifest: WireManifest;
  held: Record<string, { version: string; revoked: boolean; inside: number }>;
}

const TABLE = sample<Line[][]>("manifest_deltas.json");
const FIVE_MINUTES = 5 * MINUTE + 1000;

function held(manifest: WireManifest): Line["held"] {
  const passes = manifest.passes.map((one) => [
    one.pass,
    { version: one.version ?? "", revoked: one.revoked, inside: one.inside },
  ] as const);
  return Object.fromEntries(passes.sort(([one], [other]) => (one < other ? -1 : 1)));
}

test("deltas one after the other make what the server has", async () => {
  let deltas = 0;
  for (const [first, ...rest] of TABLE) {
    assert.ok(first);
    let manifest = first.manifest;
    for (const line of rest) {
      manifest = await applyManifestDelta(manifest, line.manifest);
      assert.deepEqual(held(manifest), line.held);
      deltas += 1;
    }
  }
  assert.ok(deltas > 50);
});

test("a delta to another manifest is refused, and one that is applied twice", async () => {
  let refusals = 0;
  for (const history of TABLE) {
    for (const [at, line] of history.entries()) {
      const manifest: WireManifest = { ...line.manifest, base: null };
      for (const [index, { manifest: delta }] of history.entries()) {
        if (index === at + 1 || index === 0) continue;
        await assert.rejects(applyManifestDelta(manifest, delta), ListRefused);
        refusals += 1;
      }
    }
  }
  assert.ok(refusals > 50);
});

const WRONG: [string, (held: WireManifest, delta: WireManifest) => [WireManifest | null, WireManifest]][] = [
  ["without a manifest", (_, delta) => [null, delta]],
  ["of another site", (held, delta) => [held, { ...delta, site: "PCS2" }]],
  ["of another gate", (held, delta) => [held, { ...delta, gate: "PCS1-G2" }]],
  ["to another revision", (held, delta) => [held, { ...delta, base: "x" }]],
  ["with another digest", (held, delta) => [held, { ...delta, digest: "0".repeat(32) }]],
  ["that lacks a pass", (held, delta) => [held, { ...delta, passes: delta.passes.slice(1) }]],
  ["to passes that are not those of its base", (held, delta) => [{ ...held, passes: [pass()] }, delta]],
];
for (const [what, change] of WRONG) {
  test(`a delta ${what} is refused`, async () => {
    const [first, second] = TABLE.find((one) => (one[1]?.manifest.passes.length ?? 0) > 0) ?? [];
    assert.ok(first && second);
    const [manifest, delta] = change(first.manifest, second.manifest);
    await assert.rejects(applyManifestDelta(manifest, delta), ListRefused);
  });
}

/** Let the time of one fetch pass, and fetch. */
async function later(gate: { refresh(): Promise<void> }, server: Server): Promise<void> {
  server.now += FIVE_MINUTES;
  await gate.refresh();
}

test("after the first manifest a gate fetches what has changed", async () => {
  const { gate, server } = await openGate();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  await later(gate, server);
  assert.deepEqual([server.manifests, gate.state().passes], [["whole", "delta"], 2]);
  server.passes.set(NUMBER, pass({ revoked: true }));
  server.passes.delete(OTHER);
  await later(gate, server);
  assert.deepEqual([server.manifests.at(-1), gate.state().passes, gate.state().listProblem], ["delta", 1, null]);
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
  assert.equal((await gate.scan(OTHER, "entry")).outcome, "unknown_pass");
});

test("what came by deltas is there after a crash, and then comes the whole", async () => {
  const device = new Device(new Server());
  const gate = await device.open();
  await gate.refresh();
  const { server } = device;
  server.passes.set(OTHER, pass({ pass: OTHER }));
  server.passes.delete(NUMBER);
  await later(gate, server);
  device.kill();
  server.down = true;
  const again = await device.open();
  assert.equal((await again.scan(OTHER, "entry")).outcome, "admit");
  assert.equal((await again.scan(NUMBER, "entry")).outcome, "unknown_pass");
  server.down = false;
  await again.refresh();
  assert.deepEqual(server.manifests, ["whole", "delta", "whole"]);
});

const SPOILT: [string, (delta: WireManifest) => WireManifest][] = [
  ["to another base", (delta) => ({ ...delta, base: "x" })],
  ["with another digest", (delta) => ({ ...delta, digest: "0".repeat(32) })],
  ["of another gate", (delta) => ({ ...delta, gate: "PCS1-G2" })],
  ["from the future", (delta) => ({ ...delta, made_at: "2027-12-01T06:30:00Z" })],
  ["older than the held one", (delta) => ({ ...delta, made_at: "2026-12-01T06:00:00Z" })],
];
for (const [what, spoil] of SPOILT) {
  test(`after a delta ${what} the gate fetches the whole manifest, once each time`, async () => {
    const { gate, server } = await openGate();
    server.spoilManifest = spoil;
    for (const revoked of [false, true]) {
      server.passes.set(NUMBER, pass({ revoked, party: 3 }));
      await later(gate, server);
    }
    assert.deepEqual(server.manifests, ["whole", "delta", "whole", "delta", "whole"]);
    assert.equal(gate.state().listProblem, null);
    server.down = true;
    assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
  });
}

test("a gate that the guard chooses anew, or a guard who signs in, begins with a whole manifest", async () => {
  const server = new Server();
  server.gate = null;
  const { gate } = await openGate(server);
  await gate.chooseGate(GATE);
  await gate.refresh();
  await gate.chooseGate("PCS1-G2");
  await gate.refresh();
  await gate.signOut();
  await gate.chooseGate("PCS1-G2");
  await gate.refresh();
  assert.deepEqual(server.manifests, ["whole", "whole", "whole"]);
});

test("a pass of which the server was asked while the delta came is as the server has it with the next", async () => {
  const { gate, server } = await openGate();
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await gate.scan(NUMBER, "entry");
  server.after = (path) => (path === "/api/v1/scans" ? held : undefined);
  const entry = gate.admit(RIGHT);
  server.now += FIVE_MINUTES;
  await gate.refresh();
  release();
  await entry;
  server.after = () => {};
  await later(gate, server);
  assert.deepEqual(server.manifests, ["whole", "delta", "delta"]);
  server.down = true;
  const shown = await gate.scan(NUMBER, "entry");
  assert.deepEqual([shown.outcome, shown.inside], ["already_inside", 2]);
});

test("passes come, change and go at random, and a gate with deltas decides as one with the whole", async () => {
  let state = 54;
  const chance = (below: number): number => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * below);
  };
  const numbers = ["7K3M9QW3", "AB3D5FGM", "AB3D5FGN", "AB3D5FGP", "AB3D5FGQ", "AB3D5FGR"];
  const server = new Server();
  const [{ gate }, fresh] = [await openGate(server), new Device(server)];
  for (let round = 0; round < 25; round += 1) {
    for (let changes = chance(4); changes > 0; changes -= 1) {
      const number = numbers[chance(numbers.length)] ?? NUMBER;
      if (chance(3) === 0) server.passes.delete(number);
      else server.passes.set(number, pass({ pass: number, revoked: chance(3) === 0, gate: chance(3) === 0 ? "PCS1-G2" : null }));
    }
    await later(gate, server);
  }
  assert.deepEqual([server.manifests.length, new Set(server.manifests.slice(1))], [26, new Set(["delta"])]);
  const whole = await fresh.open();
  await whole.refresh();
  server.down = true;
  for (const number of numbers) {
    const [one, other] = [await gate.scan(number, "entry"), await whole.scan(number, "entry")];
    assert.deepEqual([one.outcome, one.party], [other.outcome, other.party], number);
  }
});
