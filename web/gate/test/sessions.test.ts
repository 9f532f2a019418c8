// Who is signed in, at which gate, and what is left when a session or a network is lost.
import assert from "node:assert/strict";
import { test } from "node:test";
import { TOKEN, offlineGate, problem } from "./scans.ts";
import { GATE, MINUTE, NOON, NUMBER, Server, openGate } from "./server.ts";

test("a login of no gate chooses one first", async () => {
  const server = new Server();
  server.gate = null;
  const { gate } = await openGate(server);
  await assert.rejects(gate.scan(NUMBER, "entry"), problem("no_gate"));
  assert.deepEqual(gate.state().gates, [GATE, "PCS1-G2"]);
  await gate.chooseGate("PCS1-G2");
  await gate.refresh();
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "admit");
});

test("a gate that was never online admits nobody, and says so", async () => {
  const server = new Server();
  server.down = true;
  const { gate } = await openGate(server);
  await gate.chooseGate(GATE);
  await assert.rejects(gate.scan(TOKEN, "entry"), problem("signed_out"));
  assert.deepEqual([gate.state().trust, gate.state().listAgeS], ["refused", null]);
});

test("after the session's end a genuine pass is no bad one: nobody is signed in, and exits go on", async () => {
  const { gate, server } = await offlineGate();
  await gate.scan(NUMBER, "entry");
  server.now = server.until - 20 * MINUTE;
  assert.equal(gate.state().endsS, 20 * 60, "the guard can be told before");
  server.now = server.until;
  for (const what of [TOKEN, NUMBER, "7K3M9QW4"]) {
    await assert.rejects(gate.scan(what, "entry"), problem("signed_out"));
  }
  assert.deepEqual([(await gate.scan(TOKEN, "exit")).outcome, gate.state().endsS], ["exit", null]);
});

test("without a network a guard signs out only if they are sure: nobody could go in after it", async () => {
  const { gate, server } = await offlineGate();
  await assert.rejects(gate.signOut(), problem("sign_out_offline")); // it finds out by itself that nobody answers
  assert.equal(gate.state().signedIn, true);
  assert.equal((await gate.scan(TOKEN, "entry")).outcome, "admit");
  await gate.signOut(true);
  assert.equal(gate.state().signedIn, false);
  await assert.rejects(gate.scan(TOKEN, "entry"), problem("signed_out"));
  gate.close();
  assert.equal(server.signedIn, true);
});

test("a gate that lost the network before its first list says so, and calls no pass bad", async () => {
  const server = new Server();
  server.before = (path) => {
    server.down = path === "/api/v1/gate/manifest";
  };
  const { gate } = await openGate(server);
  server.before = () => {};
  server.down = true;
  for (const what of [TOKEN, NUMBER]) await assert.rejects(gate.scan(what, "entry"), problem("no_list"));
});

test("who was found at an evacuation is known after a restart, and no more after the session", async () => {
  const { gate, device, server } = await offlineGate();
  const tick = { pass: NUMBER, since: null, inside: 2, at: new Date(NOON).toISOString() };
  await gate.noteFound([tick]);
  device.kill();
  const again = await device.open();
  assert.deepEqual(await again.found(), [tick]);
  server.now = server.until;
  await assert.rejects(again.scan(NUMBER, "entry"), problem("signed_out"));
  assert.deepEqual(await again.found(), []);
});

test("a tablet of a login without a gate can be moved, and keeps no gate of another site", async () => {
  const server = new Server();
  server.gate = null;
  const { gate } = await openGate(server);
  assert.equal(gate.state().choosesGate, true);
  await gate.chooseGate("PCS2-G1");
  await gate.refresh();
  assert.equal(gate.state().gate, null);
  server.gate = GATE;
  await gate.refresh();
  assert.deepEqual([gate.state().gate, gate.state().choosesGate], [GATE, false]);
});
