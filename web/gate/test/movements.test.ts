// What other gates record: each movement counts once, whenever the manifest comes.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Movement } from "../core/model.ts";
import { RIGHT, offlineGate } from "./scans.ts";
import { GATE, MINUTE, NOON, NUMBER, OTHER, Server, openGate, pass } from "./server.ts";

test("what another gate records is known here, and also when the network goes", async () => {
  const { gate, server, device } = await openGate();
  const other: Movement = {
    nonce: "of-gate-2",
    pass: NUMBER,
    gate: "PCS1-G2",
    verdict: "admit",
    count: 2,
    inside: 2,
    at: new Date(NOON).toISOString(),
    timeline: 1,
    transaction: 200,
  };
  await gate.hear(other);
  await gate.hear({ ...other, nonce: "of-nobody", pass: OTHER });
  server.down = true;
  const shown = await gate.scan(NUMBER, "entry");
  assert.deepEqual([shown.outcome, shown.insideGate], ["already_inside", "PCS1-G2"]);
  device.kill();
  assert.equal((await (await device.open()).scan(NUMBER, "entry")).outcome, "already_inside");
});

test("a movement that is told twice, or is in the manifest already, counts once", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 3 }));
  const { gate } = await openGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT, 1);
  const [nonce = ""] = server.recorded.keys();
  const own: Movement = {
    nonce,
    pass: NUMBER,
    gate: GATE,
    verdict: "admit",
    count: 1,
    inside: 1,
    at: new Date(NOON).toISOString(),
    timeline: 1,
    transaction: 200,
  };
  const mayEnter = async () => {
    server.down = true;
    const shown = await gate.scan(NUMBER, "entry");
    server.down = false;
    return shown.mayEnter;
  };
  await gate.hear(own);
  assert.equal(await mayEnter(), 2);
  server.now += 6 * MINUTE;
  server.ended = 300;
  await gate.refresh(); // now it is in the manifest
  await gate.hear(own);
  await gate.hear({ ...own, nonce: "before-the-manifest" });
  assert.equal(await mayEnter(), 2);
});

for (const [whose, changes] of [
  ["of a server whose clock is minutes behind that of the manifest's", { transaction: 200 }],
  ["of a standby that was promoted without the last transactions", { timeline: 2, transaction: 50 }],
] as const) {
  test(`a movement ${whose} counts, and one that is in the manifest does not count again`, async () => {
    const server = new Server();
    server.passes.set(OTHER, pass({ pass: OTHER, inside: 2, admitted: 2, last_gate: "PCS1-G2" }));
    const { gate } = await openGate(server);
    const at = new Date(server.now - 5 * MINUTE).toISOString();
    const told = { gate: "PCS1-G2", verdict: "admit", count: 2, inside: 2, at, recorded_at: at, timeline: 1, transaction: 50 } as const;
    await gate.hear({ ...told, ...changes, nonce: "new", pass: NUMBER });
    await gate.hear({ ...told, nonce: "old", pass: OTHER });
    server.down = true;
    const inside = (await gate.inside()).entries.map((one) => [one.pass, one.inside]);
    assert.deepEqual(inside.sort(), [[NUMBER, 2], [OTHER, 2]]);
    assert.equal((await gate.scan(NUMBER, "entry")).outcome, "already_inside");
  });
}

test("a movement around the time of a manifest counts once, whether the manifest has it or not", async () => {
  const told = (nonce: string, count: number, inside: number, transaction: number): Movement => {
    const at = new Date(NOON).toISOString();
    return { nonce, pass: OTHER, gate: "PCS1-G2", verdict: "admit", count, inside, at, timeline: 1, transaction };
  };
  const server = new Server();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  const { gate, device } = await openGate(server);
  // Begun before the manifest was made, and committed after its passes were read.
  await gate.hear(told("late", 2, 2, 105));
  server.down = true;
  assert.equal((await gate.scan(OTHER, "entry")).outcome, "already_inside");
  device.kill();

  const other = new Server();
  other.passes.set(OTHER, pass({ pass: OTHER }));
  let pages = 0;
  other.before = (path) => {
    if (path === "/api/v1/gate/manifest") pages += 1;
    if (pages !== 2) return;
    other.ended += 100; // the line is slow; one of the two comes in meanwhile
    other.passes.set(OTHER, pass({ pass: OTHER, inside: 1, admitted: 1, last_gate: "PCS1-G2" }));
    pages += 1;
  };
  const slow = await openGate(other);
  await slow.gate.hear(told("between-pages", 1, 1, 150));
  other.down = true;
  const shown = await slow.gate.scan(OTHER, "entry");
  assert.deepEqual([shown.outcome, shown.mayEnter], ["admit", 1]);
});

test("a movement of which nobody can tell whether the manifest has it is asked for at once", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 5, inside: 1, admitted: 1, last_gate: "PCS1-G2" }));
  const { gate } = await openGate(server);
  const at = new Date(server.now - 1000).toISOString();
  const told = { pass: NUMBER, gate: "PCS1-G2", verdict: "admit", count: 1, inside: 4, at, timeline: 1, transaction: 105 } as const;
  await gate.hear({ nonce: "of-gate-2", ...told });
  server.passes.set(NUMBER, pass({ party: 5, inside: 4, admitted: 4, last_gate: "PCS1-G2" }));
  await gate.refresh();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).mayEnter, 1);
});

test("news of an own scan that comes before its answer counts once, and refuses nobody", async () => {
  for (const isLost of [false, true]) {
    const server = new Server();
    server.passes.set(NUMBER, pass({ party: 3 }));
    const { gate } = await openGate(server);
    await gate.scan(NUMBER, "entry");
    server.before = async (path, body) => {
      if (path !== "/api/v1/scans") return;
      const { nonce } = JSON.parse(String(body)) as { nonce: string };
      const at = new Date(NOON).toISOString();
      await gate.hear({ nonce, pass: NUMBER, gate: GATE, verdict: "admit", count: 2, inside: 2, at, timeline: 1, transaction: 200 });
    };
    if (isLost) server.loseAnswers.add("/api/v1/scans");
    const shown = await gate.admit(RIGHT, 2);
    assert.deepEqual([shown.outcome, shown.inside, shown.offline], ["admit", 2, isLost]);
    server.down = true;
    assert.equal((await gate.scan(NUMBER, "entry")).mayEnter, 1);
  }
});

test("what is told of a pass does not undo what this gate has not sent yet", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 3 }));
  const { gate } = await offlineGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT, 1);
  const at = new Date(NOON + 1000).toISOString();
  const other = {
    nonce: "of-gate-2",
    pass: NUMBER,
    gate: "PCS1-G2",
    verdict: "admit",
    count: 1,
    inside: 1,
  } as const;
  await gate.hear({ ...other, at, timeline: 1, transaction: 200 });
  const shown = await gate.scan(NUMBER, "entry");
  assert.deepEqual([shown.mayEnter, shown.inside], [1, 2]);
});

test("a newer list of revoked passes is fetched as soon as it is told of", async () => {
  const { gate, server } = await openGate();
  server.now += 1000;
  server.revoked = [NUMBER];
  await gate.hearStatus();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
});

test("a manifest is fetched at once where movements may have been missed", async () => {
  const { gate, server } = await openGate();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  await gate.refresh();
  assert.equal(gate.state().passes, 1, "it is not due yet");
  await gate.hearReload();
  assert.equal(gate.state().passes, 2);
});
