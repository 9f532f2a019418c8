// No scan is lost and none is invented: a killed tab, a dead battery, a lost answer, a scan that the server
// refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Gate } from "../core/gate.ts";
import { Store } from "../core/store.ts";
import { MOST_SCANS } from "../core/sync.ts";
import { RIGHT } from "./scans.ts";
import { GATE, MINUTE, NUMBER, OTHER, Server, openGate, pass } from "./server.ts";


/** Return a gate with so many offline exits that the server does not have; each of another second. */
async function gateWithUnsent(count: number, server = new Server()) {
  const opened = await openGate(server);
  server.down = true;
  for (let at = 0; at < count; at += 1) {
    server.now += 1000;
    await opened.gate.scan(NUMBER, "exit");
  }
  server.down = false;
  return opened;
}

/** Return the nonces of what waits: the server has heard them once and its answer was lost. */
async function unsentNonces(gate: Gate, server: Server): Promise<string[]> {
  server.deferred = { has: () => true, clear: () => undefined } as unknown as Set<string>;
  server.retryAfterS = 0;
  await gate.refresh();
  server.retryAfterS = 600;
  return server.batches.at(-1) ?? [];
}

test("a scan is on the disk before its verdict is shown", async () => {
  const { gate, device, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  device.kill(); // the battery is dead as soon as the guard has seen the verdict
  server.down = false;
  const after = await device.open();
  assert.equal(after.state().unsent, 1);
  await after.refresh();
  assert.deepEqual([server.recorded.size, after.state().unsent], [1, 0]);
  assert.equal(server.passes.get(NUMBER)?.inside, 2);
});

test("scans are sent in their order, at most 200 in a request", async () => {
  const { gate, server } = await gateWithUnsent(MOST_SCANS + 5);
  await gate.refresh();
  assert.deepEqual(
    server.batches.map((batch) => batch.length),
    [MOST_SCANS, 5],
  );
  const times = [...server.recorded.values()].map((scan) => scan.scanned_at);
  assert.deepEqual(times, [...times].sort());
  assert.deepEqual([new Set(times).size, gate.state().unsent], [MOST_SCANS + 5, 0]);
});

test("a tab that is killed in a sync sends the same nonces again, and each counts once", async () => {
  const { gate, device, server } = await gateWithUnsent(3);
  server.loseAnswers.add("/api/v1/scans/sync");
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().online], [3, 3, false]);
  device.kill();
  server.loseAnswers.clear();
  const after = await device.open();
  await after.refresh();
  assert.deepEqual(server.batches[1], server.batches[0]);
  assert.deepEqual([server.recorded.size, after.state().unsent], [3, 0]);
});

test("an online scan whose answer is lost is decided here and sent with the same nonce", async () => {
  const { gate, server } = await openGate();
  server.loseAnswers.add("/api/v1/scans");
  const shown = await gate.scan(NUMBER, "exit");
  assert.deepEqual([shown.outcome, shown.offline, server.recorded.size], ["exit", true, 1]);
  await gate.refresh();
  assert.deepEqual(server.batches, [[...server.recorded.keys()]]);
  assert.deepEqual([server.recorded.size, gate.state().unsent], [1, 0]);
});

test("a scan that the server refuses for good is listed, and holds up no other", async () => {
  const { gate, device, server } = await gateWithUnsent(3);
  const [, second = ""] = await unsent(device);
  server.problems.set(second, "too_old");
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent], [2, 0]);
  assert.deepEqual(
    gate.state().refused.map(({ nonce, problem }) => [nonce, problem]),
    [[second, "too_old"]],
  );
  device.kill();
  assert.equal((await device.open()).state().refused.length, 1);
});

test("a scan of another gate than the guard's waits for a guard of its gate", async () => {
  const { gate, device, server } = await gateWithUnsent(2);
  const [first = ""] = await unsent(device);
  server.problems.set(first, "not_your_gate");
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().refused.length], [1, 1, 0]);
  server.problems.clear();
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent], [2, 0]);
});

test("a request for another gate that is forbidden holds up neither the other scans nor the list", async () => {
  const { gate, server } = await gateWithUnsent(2);
  server.gate = "PCS1-G2"; // the tablet is at the next gate now
  server.forbidden = GATE;
  await gate.refresh();
  assert.deepEqual([gate.state().online, gate.state().unsent], [true, 2]);
  server.down = true;
  await gate.scan(NUMBER, "exit");
  server.down = false;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().refused.length], [1, 2, 0]);
  server.forbidden = null;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent], [3, 0]);
});

test("a refused scan goes from the device once somebody has noted it, and its key with the last one", async () => {
  const { gate, device, server } = await gateWithUnsent(1);
  const [nonce = ""] = await unsent(device);
  server.problems.set(nonce, "too_old");
  await gate.refresh();
  const [refused] = gate.state().refused;
  assert.deepEqual([refused?.problem, refused?.isKnown], ["too_old", true], "the server has answered to this scan");
  assert.equal(await gate.passOfRefused(nonce), NUMBER);
  await gate.forgetRefused(nonce);
  assert.deepEqual(gate.state().refused, []);
  device.kill();
  const again = await device.open();
  assert.deepEqual([again.state().refused, await again.passOfRefused(nonce)], [[], null]);
  const keys = (await device.raw()).transaction("keys").objectStore("keys").getKey("queue");
  await new Promise((resolve) => (keys.onsuccess = resolve));
  assert.equal(keys.result, undefined);
});

test("a scan that the server could not read is told by its nonce alone, and is then written down", async () => {
  const { gate, device, server } = await gateWithUnsent(1);
  [server.malformed = ""] = await unsent(device);
  await gate.refresh();
  assert.deepEqual(gate.state().refused.map((one) => one.isKnown), [true]);
});

test("the only trace of a scan goes by no tap, and none goes while nobody is signed in", async () => {
  const { gate, device, server } = await gateWithUnsent(2);
  const [first = "", second = ""] = await unsent(device);
  [server.malformed, server.refusesNonces] = [first, true];
  server.problems.set(second, "too_old");
  await gate.refresh();
  assert.deepEqual(gate.state().refused.map((one) => one.isKnown), [false, true], "the device says which");
  await assert.rejects(gate.forgetRefused(first), { code: "only_trace" });
  await gate.signOut();
  await assert.rejects(gate.forgetRefused(second), { code: "signed_out" });
  assert.equal(gate.state().refused.length, 2);
});

test("a scan that the server refused stays sealed beside the refusal, also after the guard signs out", async () => {
  const { gate, device, server } = await gateWithUnsent(1);
  const [nonce = ""] = await unsent(device);
  server.problems.set(nonce, "invalid_input");
  await gate.refresh();
  await gate.signOut();
  device.kill();
  const store = await Store.open(crypto, device.name);
  const kept = await store.refusedScan(nonce);
  assert.deepEqual([kept?.pass_number, kept?.gate, kept?.direction], [NUMBER, GATE, "exit"]);
});

test("a scan that cannot be opened is never deleted, and holds up no other", async () => {
  const { gate, device, server } = await gateWithUnsent(2);
  const [first = ""] = await unsent(device);
  await damage(device, first);
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().refused.length], [1, 1, 0]);
  assert.deepEqual(await unsent(device), [first]);
});

test("an exit that nobody counted is sent without a count: it means all who are inside", async () => {
  const { gate, server } = await openGate();
  server.passes.set(NUMBER, pass({ inside: 2, admitted: 2 })); // another gate has let them in since
  server.down = true;
  await gate.scan(NUMBER, "exit");
  server.down = false;
  await gate.hearReload();
  const [sent] = [...server.recorded.values()];
  assert.deepEqual([sent?.count, server.passes.get(NUMBER)?.inside], [null, 0]);
});

test("an exit that nobody counted lets all go here too, whatever the next list says", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "exit");
  server.down = false;
  server.passes.set(NUMBER, pass({ inside: 2, admitted: 2 }));
  server.before = (path) => {
    server.status = path === "/api/v1/scans/sync" ? 200 : null; // scans are not taken
  };
  await gate.hearReload();
  server.before = () => {};
  server.status = null;
  server.down = true;
  assert.deepEqual((await gate.inside()).entries, []);
});

test("a scan for which the server refuses the whole request is found by halving", async () => {
  const { gate, device, server } = await gateWithUnsent(7);
  const [, , third = ""] = await unsent(device);
  server.malformed = third;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent], [6, 0]);
  assert.deepEqual(
    gate.state().refused.map(({ problem }) => problem),
    ["string_too_long"],
  );
});

test("a scan at which the server fails stays, and holds up no other", async () => {
  const { gate, device, server } = await gateWithUnsent(5);
  const [first = ""] = await unsent(device);
  server.poison = first;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().online], [4, 1, true]);
  server.poison = null;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent], [5, 0]);
});

test("a request that the server can answer never is made smaller until each scan is sent but one", async () => {
  const { gate, device, server } = await gateWithUnsent(5);
  const [, , third = ""] = await unsent(device);
  server.before = (path, body) => {
    server.status = path === "/api/v1/scans/sync" && String(body).includes(third) ? 503 : null;
  };
  for (let rounds = 0; rounds < 9; rounds += 1) await gate.refresh();
  assert.deepEqual([await unsent(device), gate.state().online], [[third], true]);
  await gate.refresh();
  assert.equal(gate.state().online, true);
  server.before = () => {};
  server.status = null;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().online], [5, 0, true]);
});

test("while nobody answers at all, a round asks for no more than two scans", async () => {
  const { gate, server } = await gateWithUnsent(5);
  server.before = (path) => {
    server.status = path === "/api/v1/scans/sync" ? 503 : null;
  };
  for (let rounds = 0; rounds < 9; rounds += 1) await gate.refresh();
  const asked = server.asked.length;
  await gate.refresh();
  assert.deepEqual(
    server.asked.slice(asked).filter((one) => one.endsWith("/sync")).length,
    2,
  );
});

test("a scan of which the answer says nothing stays", async () => {
  const { gate, server } = await gateWithUnsent(2);
  server.before = (path) => {
    if (path === "/api/v1/scans/sync") server.status = 200; // an answer without the items
  };
  await gate.refresh();
  assert.equal(gate.state().unsent, 2);
});

test("scans of an ended session stay, and the next guard's session sends them", async () => {
  const { gate, device, server } = await gateWithUnsent(2);
  server.signedIn = false;
  await gate.refresh();
  assert.deepEqual([gate.state().signedIn, gate.state().unsent], [false, 2]);
  device.kill();
  server.signedIn = true;
  const next = await device.open();
  await next.refresh();
  assert.deepEqual([server.recorded.size, next.state().unsent], [2, 0]);
});

test("a manifest that was made while scans waited does not hide them", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  server.down = false;
  server.before = (path) => {
    server.status = path === "/api/v1/scans/sync" ? 200 : null; // scans are not taken
  };
  server.passes.set(OTHER, pass({ pass: OTHER }));
  server.now += MINUTE;
  await gate.refresh();
  server.before = () => {};
  server.status = null;
  server.down = true;
  assert.deepEqual([(await gate.scan(NUMBER, "entry")).outcome, gate.state().unsent], ["already_inside", 1]);
});

for (const isInIt of [true, false]) {
  test(`what is recorded while a manifest comes that ${isInIt ? "has" : "lacks"} it counts once`, async () => {
    const { gate, server } = await openGate();
    await gate.chooseGate(GATE);
    const made = await server.page(new URLSearchParams({ gate: GATE, since: `${GATE}/0` }));
    server.before = async (path) => {
      if (path !== "/api/v1/gate/manifest") return;
      server.before = () => {};
      await gate.scan(NUMBER, "entry");
      await gate.admit(RIGHT, 1);
      if (!isInIt) server.manifest = { passes: made.passes, digest: made.digest };
    };
    await gate.refresh();
    server.down = true;
    const shown = await gate.scan(NUMBER, "entry");
    assert.deepEqual([shown.outcome, shown.inside, shown.mayEnter], ["admit", 1, 1]);
  });
}

test("a pass that stays as it was, since it moved while a manifest came, keeps what was done before", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 3 }));
  const { gate } = await openGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT, 2); // the server has it before the fetch
  await gate.chooseGate(GATE);
  server.before = async (path) => {
    if (path !== "/api/v1/gate/manifest") return;
    server.before = () => {};
    await gate.scan(NUMBER, "exit");
    await gate.leave();
  };
  await gate.refresh();
  server.down = true;
  const shown = await gate.scan(NUMBER, "entry");
  assert.deepEqual([shown.outcome, shown.inside, shown.mayEnter], ["admit", 0, 1]);
});

test("an answer that comes after a manifest that has its scan counts once", async () => {
  for (const isLost of [false, true]) {
    const server = new Server();
    server.passes.set(NUMBER, pass({ party: 3 }));
    const { gate } = await openGate(server);
    await gate.scan(NUMBER, "entry");
    await gate.chooseGate(GATE);
    server.after = async (path) => {
      if (path !== "/api/v1/scans") return;
      server.after = () => {};
      await gate.refresh();
      if (isLost) throw new DOMException("the answer is lost", "TimeoutError");
    };
    const shown = await gate.admit(RIGHT, 2);
    assert.deepEqual([shown.outcome, shown.inside, shown.offline], ["admit", 2, isLost]);
    server.down = true;
    const next = await gate.scan(NUMBER, "entry");
    assert.deepEqual([next.outcome, next.inside, next.mayEnter], ["admit", 2, 1]);
  }
});

async function unsent(device: { raw(): Promise<IDBDatabase> }): Promise<string[]> {
  const db = await device.raw();
  const rows = await new Promise<{ nonce: string }[]>((resolve) => {
    const request = db.transaction("queue").objectStore("queue").getAll();
    request.onsuccess = () => resolve(request.result as { nonce: string }[]);
  });
  db.close();
  return rows.map((row) => row.nonce);
}

/** Change a scan of the queue, so that no key opens it. */
async function damage(device: { raw(): Promise<IDBDatabase> }, nonce: string): Promise<void> {
  const db = await device.raw();
  await new Promise<void>((resolve) => {
    const change = db.transaction("queue", "readwrite");
    const cursor = change.objectStore("queue").openCursor();
    cursor.onsuccess = () => {
      const found = cursor.result;
      if (found === null) return;
      const row = found.value as { nonce: string };
      if (row.nonce === nonce) found.update({ ...row, data: new ArrayBuffer(32) });
      found.continue();
    };
    change.oncomplete = () => resolve();
  });
  db.close();
}

test("scans that the server defers wait as long as it says, the others go on, and none is lost", async () => {
  const { gate, server } = await gateWithUnsent(3);
  const nonces = await unsentNonces(gate, server);
  server.deferred = new Set([nonces[1] ?? ""]);
  await gate.refresh();
  assert.deepEqual([gate.state().unsent, gate.state().online], [1, true]);
  const { deferred } = gate.state();
  assert.equal(deferred?.count, 1);
  const sent = server.batches.length;
  server.now += 9 * MINUTE;
  await gate.refresh();
  assert.equal(server.batches.length, sent, "it is not asked before the time");
  server.deferred.clear();
  server.now += MINUTE;
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().unsent, gate.state().deferred], [3, 0, null]);
});

test("a pass of which the server defers a scan is decided by the gate, also while it is online", async () => {
  const server = new Server();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  const { gate } = await openGate(server);
  server.down = true;
  await gate.scan(NUMBER, "entry");
  assert.equal((await gate.admit(RIGHT)).outcome, "admit");
  server.down = false;
  server.deferred = { has: () => true } as unknown as Set<string>;
  await gate.refresh();
  assert.deepEqual([gate.state().unsent, gate.state().online], [1, true]);
  server.asked = [];
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "already_inside");
  assert.equal((await gate.scan(OTHER, "entry")).outcome, "admit", "the server answers for the others");
  assert.equal(server.asked.filter((one) => one === "POST /api/v1/scans").length, 1);
});
