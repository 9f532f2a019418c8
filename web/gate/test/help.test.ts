// A call for help: it rings, somebody comes, or nobody hears it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { offlineGate, problem } from "./scans.ts";
import { MINUTE, openGate } from "./server.ts";

test("a call for help rings at the reception, and the gate sees who comes", async () => {
  const { gate, server } = await openGate();
  await gate.callHelp("visitor");
  const rings = gate.state().help;
  assert.deepEqual([rings?.reason, rings?.answered_by], ["visitor", null]);
  assert.ok(rings);
  gate.hearHelp({ ...rings, id: "of another gate", gate: "PCS1-G2", called_at: "2027-01-01T00:00:00Z" });
  assert.equal(gate.state().help?.id, rings.id);
  gate.hearHelp({ ...rings, answered_at: new Date(server.now).toISOString(), answered_by: "REC-0001" });
  assert.equal(gate.state().help?.answered_by, "REC-0001");
  server.now += 6 * MINUTE;
  assert.equal(gate.state().help, null);
});

test("a call for help that nobody answers is told for a while, also without a network", async () => {
  const { gate, server } = await openGate();
  await gate.callHelp("visitor");
  server.down = true;
  server.now += 15 * MINUTE - 1000;
  assert.equal(gate.state().help?.unanswered_at ?? null, null);
  server.now += 1000;
  assert.ok(gate.state().help?.unanswered_at);
  server.now += 15 * MINUTE;
  assert.equal(gate.state().help, null);
});

test("a call for help that nobody hears says so", async () => {
  const { gate } = await offlineGate();
  await assert.rejects(gate.callHelp("danger"), problem("help_offline"));
  assert.equal(gate.state().help, null);
});
