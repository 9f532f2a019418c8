// Who is inside, for the evacuation list: nobody is missing, with a network and without.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stillFound } from "../core/inside.ts";
import type { InsideEntry, Movement } from "../core/model.ts";
import { Store } from "../core/store.ts";
import type { WireInside } from "../core/wire.ts";
import { RIGHT, TOKEN } from "./scans.ts";
import { GATE, MINUTE, NOON, NUMBER, OTHER, PIN, Server, openGate, pass, tokenOf } from "./server.ts";

const AGREED = { login: "SEC-0009", pin: PIN, reason: "known" };

function listed(changes: Partial<WireInside> = {}): WireInside {
  return {
    pass: NUMBER,
    name: "ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
    name_latin: "Gurpreet Kaur",
    inside: 2,
    party: 2,
    since: "2026-12-01T06:00:00Z",
    gate: "PCS1-G2",
    department: "home",
    valid_to: "2026-12-01T08:30:00Z",
    ...changes,
  };
}

function entered(changes: Partial<Movement> = {}): Movement {
  const at = new Date(NOON + 1000).toISOString();
  return { nonce: "of-gate-2", pass: NUMBER, gate: "PCS1-G2", verdict: "admit", count: 2, inside: 2, at, timeline: 1, transaction: 200, ...changes };
}

test("who was let in by the token alone is on the list, also after a restart, until they leave", async () => {
  const { gate, device, server } = await openGate();
  const token = await tokenOf(pass({ pass: OTHER }));
  server.down = true;
  await gate.scan(token, "entry");
  await gate.admit(RIGHT, undefined, AGREED);
  const found = (await gate.inside()).entries.map((one) => [one.pass, one.inside, one.certainty]);
  assert.deepEqual(found, [[OTHER, 2, "here"]]);
  device.kill();
  const again = await device.open();
  assert.deepEqual((await again.inside()).entries.map((one) => one.pass), [OTHER]);
  await again.scan(token, "exit");
  await again.leave();
  assert.deepEqual((await again.inside()).entries, []);
});

test("with a network the list has those whom the server does not know of yet", async () => {
  const { gate, server } = await openGate();
  server.inside = [listed({ pass: OTHER })];
  server.down = true;
  await gate.scan(TOKEN, "entry");
  await gate.admit(RIGHT, 1);
  const [nonce = ""] = await unsentOf(gate, server);
  server.deferred.add(nonce);
  server.down = false;
  await gate.refresh();
  assert.deepEqual([gate.state().online, gate.state().unsent], [true, 1]);
  const found = (await gate.inside()).entries.map((one) => [one.pass, one.inside, one.certainty]);
  assert.deepEqual(found, [[OTHER, 2, "elsewhere"], [NUMBER, 1, "here"]]);
});

test("scans of the guard before, which wait on this device, are on the list", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(TOKEN, "entry");
  await gate.admit(RIGHT);
  await gate.signOut(true);
  assert.deepEqual((await gate.inside()).entries.map((one) => [one.pass, one.inside]), [[NUMBER, 2]]);
  gate.close();
});

test("companions are named, and the pass where nobody is", async () => {
  const server = new Server();
  server.passes.set(OTHER, pass({ pass: OTHER, inside: 1, admitted: 1, applicant: null, companions: [] }));
  const { gate } = await openGate(server);
  await gate.scan(TOKEN, "entry");
  await gate.admit(RIGHT);
  server.inside = [listed()];
  assert.deepEqual((await gate.inside()).entries.map((one) => one.companions), [["Harjit Singh"]]);
  server.down = true;
  const found = (await gate.inside()).entries;
  assert.deepEqual(found.map((one) => one.companions).flat(), ["Harjit Singh"]);
  assert.deepEqual(found.map((one) => one.pass).sort(), [NUMBER, OTHER].sort());
});

test("the names of those who came in by another gate are fetched as soon as they are told of", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ gate: "PCS1-G2", applicant: null, companions: [] }));
  const { gate } = await openGate(server);
  await gate.hear(entered());
  server.passes.set(NUMBER, pass({ gate: "PCS1-G2", inside: 2, admitted: 2, last_gate: "PCS1-G2" }));
  server.passes.set(OTHER, pass({ pass: OTHER }));
  await gate.refresh();
  server.down = true;
  server.now += MINUTE;
  await gate.scan(TOKEN, "entry");
  const found = (await gate.inside()).entries.map((one) => [one.nameLatin, one.inside, one.certainty]);
  assert.deepEqual(found, [["Gurpreet Kaur", 2, "offline"]]);
});

test("without a network nobody is overdue of a party of which a supervisor let one in late", async () => {
  const server = new Server();
  const since = { inside_since: "2026-12-01T06:00:00Z", last_gate: GATE };
  const came = { inside: 2, admitted: 2, ...since };
  server.passes.set(NUMBER, pass({ ...came, presumed_gone_at: "2026-12-01T15:30:00Z" }));
  server.passes.set(OTHER, pass({ ...came, pass: OTHER, presumed_gone_at: "2026-12-01T14:30:00Z" }));
  server.now = Date.parse("2026-12-01T10:00:00Z");
  const { gate } = await openGate(server);
  server.down = true;
  await gate.refresh();
  const found = new Map((await gate.inside()).entries.map((one) => [one.pass, one.certainty]));
  assert.deepEqual([found.get(NUMBER), found.get(OTHER)], ["here", "overdue"]);
});

test("who came in by a gate that is silent may have left, which the list says with a network, too", async () => {
  const { gate, server } = await openGate();
  server.inside = [listed(), listed({ pass: OTHER, gate: GATE })];
  const grades = async () => (await gate.inside()).entries.map((one) => one.certainty);
  assert.deepEqual(await grades(), ["elsewhere", "here"]);
  server.offlineGates = ["PCS1-G2", GATE];
  assert.deepEqual(await grades(), ["offline", "here"]);
});

test("who came in by a silent gate is marked on every page of the list", async () => {
  const { gate, server } = await openGate();
  server.inside = [listed(), listed({ pass: OTHER })];
  [server.insidePage, server.offlineGates] = [1, ["PCS1-G2"]];
  assert.deepEqual((await gate.inside()).entries.map((one) => one.certainty), ["offline", "offline"]);
});

test("where nobody knows which gates are silent, whoever came in by another one may have left", async () => {
  const { gate, server } = await openGate();
  server.inside = [listed(), listed({ pass: OTHER, gate: GATE })];
  server.offlineGates = null;
  assert.deepEqual((await gate.inside()).entries.map((one) => one.certainty), ["offline", "here"]);
});

test("whoever a gate does not know of is never said to be nobody: without a session, a list, or a queue that can be read", async () => {
  const { gate, device, server } = await openGate();
  server.inside = [listed()];
  assert.deepEqual([(await gate.inside()).isKnown, (await gate.inside()).entries.length], [true, 1]);
  server.down = true;
  await gate.refresh();
  assert.equal((await gate.inside()).isKnown, true, "by the list that it holds");
  const read = Store.prototype.scansWithout;
  Store.prototype.scansWithout = () => Promise.reject(new Error("broken"));
  assert.equal((await gate.inside()).isKnown, false);
  Store.prototype.scansWithout = read;
  await gate.signOut(true);
  assert.equal((await gate.inside()).isKnown, false, "nobody is signed in");
  gate.close();
  device.kill();
  const fresh = new Server();
  fresh.before = (path) => {
    fresh.down = path === "/api/v1/gate/manifest";
  };
  const { gate: without } = await openGate(fresh);
  fresh.before = () => {};
  fresh.down = true;
  assert.deepEqual([without.state().signedIn, (await without.inside()).isKnown], [true, false], "no list came yet");
});

test("whoever let in beside those inside by record is on the list, all of them", async () => {
  const { gate, server } = await openGate();
  server.inside = [listed()];
  server.passes.set(NUMBER, pass({ inside: 2, admitted: 2, inside_since: "2026-12-01T06:00:00Z", last_gate: "PCS1-G2" }));
  await gate.hearReload();
  server.down = true;
  await gate.scan(TOKEN, "entry");
  await gate.override(AGREED);
  assert.equal((await gate.admit(RIGHT, 2)).inside, 4);
  await gate.signOut(true);
  server.until += MINUTE; // a new session has another end
  server.deferred = { has: () => true } as unknown as Set<string>;
  server.down = false;
  await gate.refresh();
  assert.deepEqual((await gate.inside()).entries.map((one) => one.inside), [4]);
  gate.close();
});

test("whoever is sent to the server while it makes its list is on the list", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(TOKEN, "entry");
  await gate.admit(RIGHT);
  server.deferred = { has: () => true } as unknown as Set<string>;
  server.down = false;
  await gate.refresh();
  assert.deepEqual([gate.state().online, gate.state().unsent], [true, 1]);
  server.now += 15 * MINUTE;
  server.deferred = new Set();
  server.after = async (path) => {
    if (path !== "/api/v1/gate/inside" || gate.state().unsent === 0) return;
    await gate.refresh(); // the list is made, and has them not
    server.inside = [listed({ gate: GATE })];
  };
  assert.deepEqual((await gate.inside()).entries.map((one) => [one.pass, one.inside]), [[NUMBER, 2]]);
});

test("a tick counts for that stay alone, and for so many people", () => {
  const entry = (changes: Partial<InsideEntry>): InsideEntry => ({ pass: NUMBER, since: "2026-12-01T06:00:00Z", inside: 2, ...changes }) as InsideEntry;
  const tick = { pass: NUMBER, since: "2026-12-01T06:00:00.000Z", inside: 2, at: "2026-12-01T06:10:00Z" };
  assert.deepEqual(stillFound([tick], [entry({})]), [tick]);
  assert.deepEqual(stillFound([tick], [entry({ since: "2026-12-01T09:00:00Z" })]), [], "out, and in again");
  assert.deepEqual(stillFound([tick], [entry({ inside: 3 })]), [], "one more is inside");
  assert.deepEqual(stillFound([tick], [entry({ pass: OTHER })]), []);
});

/** Return the nonces that a gate has not sent, by letting it try. */
async function unsentOf(gate: { refresh(): Promise<void> }, server: Server): Promise<string[]> {
  const nonces: string[] = [];
  server.before = (path, body) => {
    if (path !== "/api/v1/scans/sync") return;
    nonces.push(...(JSON.parse(String(body)) as { scans: { nonce: string }[] }).scans.map((one) => one.nonce));
    server.status = 503;
  };
  server.down = false;
  await gate.refresh();
  server.before = () => {};
  server.status = null;
  return nonces;
}
