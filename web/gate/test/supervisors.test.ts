// Supervisors of a gate: their PIN, the proof that is sent, and refusals that they set aside.
import assert from "node:assert/strict";
import { test } from "node:test";
import { deriveKey, isKeyOf, prove, readPin } from "../core/pin.ts";
import { alsoAgreed } from "../core/shown.ts";
import { OTHER_CARD, RIGHT, SEEN, TOKEN, WRONG, offlineGate, problem } from "./scans.ts";
import { MINUTE, NUMBER, OTHER, PIN, SUPERVISOR, Server, openGate, pass } from "./server.ts";

test("without a network nobody goes in by a wrong PIN, and guessing ends", async () => {
  const server = new Server();
  server.manifest = { offline: { green_s: 900, amber_s: 1000, then: "supervisor" } };
  const { gate } = await offlineGate(server);
  server.now += 20 * MINUTE;
  await gate.scan(NUMBER, "entry");
  const agreed = { login: "SEC-0009", pin: PIN, reason: "known" };
  await assert.rejects(gate.admit(RIGHT, 1, { ...agreed, reason: " " }), problem("supervisor_missing"));
  await assert.rejects(gate.admit(RIGHT, 1, { ...agreed, login: "SEC-0008" }), problem("no_supervisor"));
  for (let times = 0; times < 5; times += 1) {
    await assert.rejects(gate.admit(RIGHT, 1, { ...agreed, pin: "000000" }), problem("wrong_pin"));
  }
  await assert.rejects(gate.admit(RIGHT, 1, agreed), problem("pin_locked"));
  assert.equal(gate.state().unsent, 0);
  server.now += 15 * MINUTE;
  assert.equal((await gate.admit(RIGHT, 1, { ...agreed, pin: "੪੮੧੫੧੬" })).outcome, "admit");
});

test("whoever scans agrees to nothing and is not asked to, with a network and without one", async () => {
  const own = { ...SUPERVISOR, login_id: "SEC-0001" };
  const server = new Server();
  server.passes.set(NUMBER, pass({ gate: "PCS1-G2" }));
  server.manifest = { supervisors: [own] };
  const { gate } = await openGate(server);
  const agreed = { login: "SEC-0001", pin: PIN, reason: "known" };
  assert.deepEqual(gate.state().supervisors, []);
  for (const isDown of [false, true]) {
    server.down = isDown;
    await gate.scan(NUMBER, "entry");
    await assert.rejects(gate.override(agreed), problem("own_scan"));
  }
  const other = new Server();
  other.passes.set(NUMBER, pass({ call_supervisor: true }));
  other.manifest = { supervisors: [own] };
  const { gate: second } = await offlineGate(other);
  await second.scan(NUMBER, "entry");
  await assert.rejects(second.admit(RIGHT, 1, agreed), problem("own_scan"));
});

test("a supervisor who agreed is sent with a proof for this scan alone, and never with the PIN", async () => {
  const server = new Server();
  server.manifest = { offline: { green_s: 900, amber_s: 1000, then: "supervisor" } };
  const { gate } = await offlineGate(server);
  server.now += 20 * MINUTE;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT, 1, { login: "SEC-0009", pin: PIN, reason: "known" });
  server.down = false;
  await gate.refresh();
  const [sent] = [...server.recorded.values()];
  assert.ok(sent && "offline" in sent);
  const key = await deriveKey(crypto.subtle, PIN, SUPERVISOR);
  const proof = await prove(crypto.subtle, key, sent.nonce, NUMBER);
  assert.deepEqual(sent.offline.supervisor, { login_id: "SEC-0009", reason: "known", proof });
  assert.ok(!JSON.stringify(sent).includes(PIN));
});

test("without a network nobody goes in by the guard's word where the pass calls the supervisor", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ call_supervisor: true }));
  const { gate } = await offlineGate(server);
  await gate.scan(NUMBER, "entry");
  for (const check of [SEEN, RIGHT, OTHER_CARD]) {
    await assert.rejects(gate.admit(check, 1), problem("supervisor_missing"));
  }
  assert.equal(gate.state().unsent, 0);
  assert.equal((await gate.admit(SEEN, 1, { login: "SEC-0009", pin: PIN, reason: "known" })).outcome, "admit");
});

test("after a card that did not match a supervisor decides about another one, also after a new scan", async () => {
  const { gate } = await offlineGate();
  await gate.scan(NUMBER, "entry");
  assert.equal((await gate.admit(WRONG, 1)).outcome, "id_mismatch");
  await gate.scan(NUMBER, "entry");
  for (const check of [SEEN, OTHER_CARD]) {
    await assert.rejects(gate.admit(check, 1), problem("supervisor_missing"));
  }
  assert.equal((await gate.admit(RIGHT, 1)).outcome, "admit");
  await gate.scan(NUMBER, "entry");
  assert.equal((await gate.admit(OTHER_CARD, 1)).outcome, "admit");
});

test("without a network a site whose PINs are all void still asks for a supervisor", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ call_supervisor: true }));
  server.manifest = { supervisors: [], supervisor_demanded: true };
  const { gate } = await offlineGate(server);
  await gate.scan(NUMBER, "entry");
  await assert.rejects(gate.admit(SEEN, 1), problem("supervisor_missing"));
  assert.equal(gate.state().unsent, 0);
});

test("without a network a pass whose card did not match asks for the supervisor before the tap", async () => {
  const { gate } = await offlineGate();
  await gate.scan(NUMBER, "entry");
  assert.equal((await gate.admit(WRONG, 1)).outcome, "id_mismatch");
  const again = await gate.scan(NUMBER, "entry");
  assert.deepEqual([again.outcome, again.callSupervisor, again.onlyUncompared], ["admit", true, true]);
  assert.equal((await gate.admit(RIGHT, 1)).outcome, "admit");
});

test("typed digits that nothing here can be compared with are the guard's word alone", async () => {
  const { gate, server } = await offlineGate();
  await gate.scan(NUMBER, "entry");
  assert.equal((await gate.admit(WRONG, 1)).outcome, "id_mismatch");
  for (const [recurring, refusal] of [[false, "supervisor_missing"], [true, null]] as const) {
    server.passes.set(NUMBER, pass({ commitment_key: "", id_commitments: [], recurring }));
    server.down = false;
    await gate.refresh();
    server.down = true;
    await gate.scan(NUMBER, "entry");
    if (refusal !== null) await assert.rejects(gate.admit(RIGHT, 1), problem(refusal));
    else assert.equal((await gate.admit(RIGHT, 1)).outcome, "id_mismatch", "an old code needs them compared");
  }
});

test("a supervisor whom the server names and the gate does not know makes it fetch its list", async () => {
  const server = new Server();
  server.manifest = { supervisors: [], supervisor_demanded: true };
  const { gate } = await openGate(server);
  server.manifest = {};
  server.mayAgree = ["SEC-0009"];
  assert.equal((await gate.scan(NUMBER, "entry")).callSupervisor, true);
  await gate.refresh();
  assert.deepEqual(gate.state().supervisors, ["SEC-0009"]);
});

test("where the server asks for a supervisor, the gate hears at once who has a PIN by now", async () => {
  const server = new Server();
  server.manifest = { supervisors: [] };
  const { gate } = await openGate(server);
  server.manifest = {};
  server.demandsSupervisor = true;
  await gate.scan(NUMBER, "entry");
  await assert.rejects(gate.admit(SEEN, 1), problem("supervisor_missing"));
  await gate.refresh();
  assert.deepEqual(gate.state().supervisors, ["SEC-0009"]);
});

test("online the server decides about a PIN, and nobody goes in where it says no", async () => {
  const { gate, server } = await openGate();
  await gate.scan(NUMBER, "entry");
  const agreed = { login: "SEC-0009", pin: PIN, reason: "known" };
  server.refusesPins = true;
  await assert.rejects(gate.admit(RIGHT, 1, agreed), problem("wrong_pin"));
  assert.equal(server.recorded.size, 0);
  server.refusesPins = false;
  assert.equal((await gate.admit(RIGHT, 1, agreed)).outcome, "admit");
  const [sent] = [...server.recorded.values()];
  assert.equal(sent?.supervisor?.login_id, "SEC-0009");
});

for (const isOnline of [true, false]) {
  const where = isOnline ? "online" : "without a network";

  test(`${where} a refusal that is set aside shows before the PIN and after it what else the PIN counts for`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass({ gate: "PCS1-G2", call_supervisor: true }));
    server.passes.set(OTHER, pass({ pass: OTHER }));
    const { gate } = await openGate(server);
    const agreed = { login: "SEC-0009", pin: PIN, reason: "known" };
    server.down = !isOnline;
    assert.deepEqual(alsoAgreed(await gate.scan(NUMBER, "entry")), ["call"]);
    assert.deepEqual(alsoAgreed(await gate.override(agreed)), ["call"]);
    assert.deepEqual(alsoAgreed(await gate.admit(SEEN, 1)), [], "then nothing is left to agree to");
    server.down = true; // the server for tests compares no card
    await gate.scan(OTHER, "entry");
    assert.equal((await gate.admit(WRONG, 1)).outcome, "id_mismatch");
    server.down = !isOnline;
    if (isOnline) await gate.refresh();
    server.passes.set(OTHER, pass({ pass: OTHER, gate: "PCS1-G2" }));
    await gate.hearReload();
    assert.deepEqual(alsoAgreed(await gate.scan(OTHER, "entry")), isOnline ? ["mismatch"] : []);
    if (isOnline) assert.deepEqual(alsoAgreed(await gate.override(agreed)), ["mismatch"]);
  });

  test(`${where} a supervisor sets a refusal aside by their PIN, and the ID is checked`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass({ party: 1, admitted: 1, gate: "PCS1-G2" }));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    const refused = await gate.scan(TOKEN, "entry");
    assert.deepEqual([refused.outcome, refused.overridable], ["wrong_gate", ["wrong_gate", "already_used"]]);
    assert.equal(refused.nameLatin, undefined, "whoever may not pass is not named");
    await assert.rejects(gate.admit(RIGHT), problem("no_preview"), "nobody goes in by the guard's word");
    server.refusesPins = true; // online the server looks at it
    const agreed = { login: "SEC-0009", pin: PIN, reason: "known" };
    await assert.rejects(gate.override({ ...agreed, pin: isOnline ? PIN : "000000" }), problem("wrong_pin"));
    server.refusesPins = false;
    const shown = await gate.override(agreed);
    assert.deepEqual([shown.outcome, shown.preview, shown.nameLatin], ["admit", true, "Gurpreet Kaur"]);
    assert.deepEqual([shown.agreed, shown.mayEnter], [true, 1]);
    const admitted = await gate.admit(SEEN);
    assert.deepEqual([admitted.outcome, admitted.inside], ["admit", 1]);
    assert.ok(admitted.marks.includes("despite_wrong_gate") && admitted.marks.includes("despite_already_used"));
    server.down = false;
    await gate.refresh();
    const sent = [...server.recorded.values()].at(-1);
    assert.ok(sent);
    const wire = "offline" in sent ? sent.offline.supervisor : sent.supervisor;
    const key = await deriveKey(crypto.subtle, PIN, SUPERVISOR);
    const proof = await prove(crypto.subtle, key, sent.nonce, TOKEN, ["already_used", "wrong_gate"]);
    assert.deepEqual([wire?.overrides, wire?.proof], [["wrong_gate", "already_used"], proof]);
    assert.ok(!JSON.stringify(sent).includes(PIN));
  });

  test(`${where} nobody sets aside a withdrawn pass, another site or another day`, async () => {
    for (const changes of [{ revoked: true }, { site: "PCS2" }, { valid_from: "2026-12-02T04:30:00Z", valid_to: "2026-12-02T08:30:00Z" }]) {
      const server = new Server();
      server.passes.set(NUMBER, pass(changes));
      const { gate } = await openGate(server);
      server.down = !isOnline;
      assert.deepEqual((await gate.scan(NUMBER, "entry")).overridable, []);
      await assert.rejects(gate.override({ login: "SEC-0009", pin: PIN, reason: "known" }), problem("no_preview"));
    }
  });

  test(`${where} another card after a refusal that was set aside asks the supervisor again`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass({ gate: "PCS1-G2" }));
    const { gate } = await openGate(server);
    server.down = true; // the server for tests compares no card
    const agreed = { login: "SEC-0009", pin: PIN, reason: "known" };
    await gate.scan(NUMBER, "entry");
    await gate.override(agreed);
    const wrong = await gate.admit(WRONG, 1);
    assert.deepEqual([wrong.outcome, wrong.overridable], ["id_mismatch", ["wrong_gate"]]);
    assert.equal((await gate.admit(RIGHT, 1)).outcome, "wrong_gate");
    await gate.scan(NUMBER, "entry");
    await gate.override(agreed);
    assert.equal((await gate.admit(RIGHT, 1)).outcome, "admit");
  });
}

test("the app proves a PIN as the server does", async () => {
  const key = await deriveKey(crypto.subtle, PIN, SUPERVISOR);
  assert.equal(await isKeyOf(crypto.subtle, key, SUPERVISOR), true);
  const proof = await prove(crypto.subtle, key, "nonce-1", NUMBER);
  assert.equal(proof, "sTmZeHZj6xGlSHwul5idX9CdJyFr8KhzbPSuoMbeT30");
  assert.equal(await isKeyOf(crypto.subtle, await deriveKey(crypto.subtle, "481517", SUPERVISOR), SUPERVISOR), false);
  assert.deepEqual(["४८१५१६", " 481516 ", "48151", "48151a", "4815162"].map(readPin), [PIN, PIN, null, null, null]);
});

test("a restart is no way around a card that did not match, nor around wrong PINs", async () => {
  const server = new Server();
  const { gate, device } = await offlineGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(WRONG, 1);
  const agreed = { login: "SEC-0009", pin: "000000", reason: "known" };
  await gate.scan(NUMBER, "entry");
  for (let times = 0; times < 5; times += 1) await assert.rejects(gate.admit(SEEN, 1, agreed), problem("wrong_pin"));
  device.kill();
  const again = await device.open();
  await again.scan(NUMBER, "entry");
  await assert.rejects(again.admit(SEEN, 1), problem("supervisor_missing"));
  await assert.rejects(again.admit(SEEN, 1, { ...agreed, pin: PIN }), problem("pin_locked"));
});

test("a restart is no way around wrong PINs for a refusal that is set aside", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ gate: "PCS1-G2" }));
  const { gate, device } = await offlineGate(server);
  const agreed = { login: "SEC-0009", pin: "000000", reason: "known" };
  await gate.scan(NUMBER, "entry");
  for (let times = 0; times < 5; times += 1) await assert.rejects(gate.override(agreed), problem("wrong_pin"));
  device.kill();
  const again = await device.open();
  await again.scan(NUMBER, "entry");
  await assert.rejects(again.override({ ...agreed, pin: PIN }), problem("pin_locked"));
});
