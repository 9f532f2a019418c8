// An enrolled device: the code, what it reports, what a revoked one can still open, and a sign-out offline.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { GateProblem } from "../core/model.ts";
import { Store } from "../core/store.ts";
import { RIGHT } from "./scans.ts";
import { CODE, Device, GATE, MINUTE, NUMBER, Server, openGate } from "./server.ts";


/** Return all that stands in a store of the database, by key. */
async function rowsOf(device: Device, store: string): Promise<Map<IDBValidKey, unknown>> {
  const db = await device.raw();
  const found = new Map<IDBValidKey, unknown>();
  await new Promise<void>((resolve) => {
    const request = db.transaction(store).objectStore(store).openCursor();
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor === null) return resolve();
      found.set(cursor.key, cursor.value);
      cursor.continue();
    };
  });
  db.close();
  return found;
}

const put = IDBObjectStore.prototype.put;

/** Store as a disk does that has no room for the key for visitors. */
function putUnlessKey(this: IDBObjectStore, value: unknown, key?: IDBValidKey): IDBRequest<IDBValidKey> {
  if (key === "visitors") throw new DOMException("the disk is full", "QuotaExceededError");
  return put.call(this, value, key);
}

/** Put rows back, as somebody does who has a copy of the disk. */
async function putBack(device: Device, store: string, rows: Map<IDBValidKey, unknown>): Promise<void> {
  const db = await device.raw();
  await new Promise<void>((resolve) => {
    const change = db.transaction(store, "readwrite");
    for (const [key, value] of rows) change.objectStore(store).put(value, key);
    change.oncomplete = () => resolve();
  });
  db.close();
}

test("a device that is not enrolled asks for a code, holds nothing, and works once it has one", async () => {
  const server = new Server();
  server.notEnrolled = "device_missing";
  const { gate } = await openGate(server);
  assert.deepEqual([gate.state().notEnrolled, gate.state().signedIn], ["device_missing", false]);
  assert.ok(!server.asked.includes("GET /api/v1/gate/manifest"));
  const asked = server.asked.length;
  await gate.refresh();
  assert.equal(server.asked.length, asked, "it knows, and does not ask again");
  await assert.rejects(gate.enrol("GAT-0001-wrong"), new GateProblem("code_wrong"));
  await gate.enrol(CODE);
  const { notEnrolled, signedIn, passes } = gate.state();
  assert.deepEqual([notEnrolled, signedIn, passes], [null, true, 1]);
});

test("a revoked device forgets its visitors, and a copy of them opens no more", async () => {
  const { gate, device, server } = await openGate();
  assert.equal(gate.state().passes, 1);
  const manifest = await rowsOf(device, "manifest");
  const halves = new Map([...(await rowsOf(device, "keys"))].filter(([name]) => name === "device"));
  server.notEnrolled = "device_revoked";
  await gate.refresh();
  const { notEnrolled, passes, signedIn } = gate.state();
  assert.deepEqual([notEnrolled, passes, signedIn], ["device_revoked", 0, false]);
  assert.deepEqual([(await rowsOf(device, "keys")).size, (await rowsOf(device, "manifest")).size], [0, 0]);
  device.kill();
  await putBack(device, "manifest", manifest);
  const store = await Store.open(crypto, device.name);
  assert.equal(await store.readManifest(), null, "without a key");
  await putBack(device, "keys", halves);
  await store.unlock("ffffffffffffffffffffffffffffffff");
  await putBack(device, "manifest", manifest);
  assert.equal(await store.readManifest(), null, "with the half of another enrolment");
  await store.unlock(server.half);
  await putBack(device, "manifest", manifest);
  assert.notEqual(await store.readManifest(), null, "the right half is what was missing");
  store.close();
});

test("a refusal at a scan ends what a revoked device holds as well", async () => {
  const { gate, server } = await openGate();
  server.notEnrolled = "device_revoked";
  await assert.rejects(gate.scan(NUMBER, "entry"), new GateProblem("device_revoked"));
  assert.deepEqual([gate.state().notEnrolled, gate.state().passes], ["device_revoked", 0]);
});

test("scans of a revoked device stay sealed, and are sent once it is enrolled again", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  server.down = false;
  server.notEnrolled = "device_revoked";
  await gate.refresh();
  assert.deepEqual([gate.state().unsent, server.recorded.size], [1, 0]);
  server.half = "00112233445566778899aabbccddeeff";
  await gate.enrol(CODE);
  assert.deepEqual([gate.state().unsent, server.recorded.size, gate.state().passes], [0, 1, 1]);
});

test("what an earlier enrolment has stored is deleted with the half of the next one", async () => {
  const { gate, device, server } = await openGate();
  server.half = "00112233445566778899aabbccddeeff";
  await gate.refresh();
  device.kill();
  const again = await device.open();
  assert.equal(again.state().passes, 0);
  await again.refresh();
  assert.equal(again.state().passes, 1);
});

test("an app that is opened without a network within the session has its list", async () => {
  const { device, server } = await openGate();
  device.kill();
  server.down = true;
  assert.equal((await device.open()).state().passes, 1);
});

test("the server's half of the key is not stored", async () => {
  const { device, server } = await openGate();
  const settings = await rowsOf(device, "settings");
  assert.ok(!JSON.stringify([...settings]).includes(server.half));
});

test("a device reports its list and what it has to send, once a minute", async () => {
  const { gate, server } = await openGate();
  await gate.refresh();
  assert.equal(server.reports.length, 1);
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  server.down = false;
  server.forbidden = GATE; // its scans stay here
  server.now += MINUTE;
  await gate.refresh();
  assert.deepEqual(server.reports.at(-1), { version: "", list_age_s: 0, unsent: 1 });
});

test("a device reports at once when another guard has signed in", async () => {
  const { gate, server } = await openGate();
  server.until += MINUTE;
  await gate.refresh();
  assert.equal(server.reports.length, 2);
});

test("a server that cannot take reports now leaves the gate online", async () => {
  const { gate, server } = await openGate();
  server.failsReports = true;
  server.now += MINUTE;
  await gate.refresh();
  assert.deepEqual([gate.state().online, server.reports.length], [true, 1]);
});

test("a session that was ended without a network is ended at the server as soon as it answers", async () => {
  const { gate, device, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.signOut(true);
  assert.deepEqual([gate.state().leaving, gate.state().signedIn], [true, false]);
  await gate.refresh();
  gate.close();
  const again = await device.open();
  assert.equal(again.state().leaving, true);
  server.down = false;
  await again.refresh();
  assert.deepEqual([again.state().leaving, again.state().signedIn, server.signedIn], [false, false, false]);
});

test("the session of the guard who has signed in since is not ended in its place", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.signOut(true);
  server.down = false;
  server.until += MINUTE;
  await gate.refresh();
  assert.deepEqual([gate.state().leaving, gate.state().signedIn, server.signedIn], [false, true, true]);
  gate.close();
});

test("a code that comes without a session asks the guard to sign in", async () => {
  const server = new Server();
  [server.notEnrolled, server.signedIn] = ["device_revoked", false];
  const { gate } = await openGate(server);
  await assert.rejects(gate.enrol(CODE), new GateProblem("signed_out"));
});

test("a code whose answer was lost enrols the device when it is sent again, and no other time", async () => {
  const server = new Server();
  server.notEnrolled = "device_missing";
  const { gate, device } = await openGate(server);
  server.loseAnswers.add("/api/v1/gate/device");
  await assert.rejects(gate.enrol(CODE), new GateProblem("offline"));
  server.loseAnswers.clear();
  await gate.enrol(CODE);
  assert.equal(gate.state().signedIn, true);
  device.kill();
  await assert.rejects((await new Device(server).open()).enrol(CODE), new GateProblem("code_used"));
});

test("a clock that is set back makes no session and no list young when the app is opened again", async () => {
  const { gate, device, server } = await openGate();
  server.down = true;
  server.now += 20 * MINUTE;
  await gate.refresh();
  device.kill();
  device.aheadMs = -20 * MINUTE;
  const again = await device.open();
  assert.ok((again.state().listAgeS ?? 0) >= 20 * 60, String(again.state().listAgeS));
  server.now += 8 * 60 * MINUTE - 20 * MINUTE;
  device.aheadMs = 0;
  await again.refresh();
  device.aheadMs = -8 * 60 * MINUTE;
  assert.equal((await device.open()).state().signedIn, false);
});

test("scans of the gate before are sent by its guard, on a device that has moved", async () => {
  const { gate, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  server.down = false;
  server.notEnrolled = "device_of_other_gate";
  server.admitsScans = true;
  await gate.refresh();
  const { unsent, notEnrolled, passes } = gate.state();
  assert.deepEqual([unsent, server.recorded.size, notEnrolled, passes], [0, 1, "device_of_other_gate", 0]);
});

test("a guard who signs in on a full disk has a gate that works from memory, and nothing is stored", async () => {
  const device = new Device();
  const full = mock.method(IDBObjectStore.prototype, "put", putUnlessKey);
  const said = mock.method(console, "error", () => undefined);
  const gate = await device.open();
  await gate.refresh();
  assert.deepEqual([gate.state().signedIn, gate.state().passes], [true, 1]);
  device.server.down = true;
  await gate.scan(NUMBER, "entry");
  assert.equal((await gate.admit(RIGHT)).outcome, "admit");
  assert.equal(gate.state().unsent, 1);
  const rows = await Promise.all(["manifest", "moves"].map(async (store) => (await rowsOf(device, store)).size));
  assert.deepEqual(rows, [0, 0]);
  assert.ok(!(await rowsOf(device, "keys")).has("visitors"));
  full.mock.restore();
  device.server.down = false;
  await gate.refresh();
  assert.equal((await rowsOf(device, "manifest")).size, 3, "once there is room: the passes, their people and the list");
  said.mock.restore();
});
