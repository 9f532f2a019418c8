// The lock of the app: what it holds while it is locked, what opens it, and what outlives both.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Idle, MOST_WRONG, guardHalf, isGoodPin, makePin, openHalf } from "../core/lock.ts";
import type { Gate } from "../core/gate.ts";
import { RIGHT, TOKEN, problem } from "./scans.ts";
import { Device, GATE, MINUTE, NUMBER, Server, pass } from "./server.ts";

const HOUR = 60 * MINUTE;
const MINE = "482915";

/** Return the gate of a guard who has chosen a PIN. */
async function guarded(server = new Server()): Promise<{ gate: Gate; device: Device; server: Server }> {
  const device = new Device(server, { locks: true, keepMs: 6 * HOUR });
  const gate = await device.open();
  await gate.refresh();
  assert.equal(gate.state().lock, "choose");
  await gate.choosePin(MINE);
  assert.equal(gate.state().lock, "open");
  return { gate, device, server };
}

/** Return a promise, and what resolves it. */
function signal(): [Promise<void>, () => void] {
  let resolve = (): void => undefined;
  return [new Promise((done) => (resolve = done)), () => resolve()];
}

async function rows(device: Device, name: string): Promise<Map<IDBValidKey, unknown>> {
  const db = await device.raw();
  const store = db.transaction(name).objectStore(name);
  const all = <T>(request: IDBRequest<T>): Promise<T> =>
    new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
  const [keys, values] = await Promise.all([all(store.getAllKeys()), all(store.getAll())]);
  db.close();
  return new Map(keys.map((key, at) => [key, values[at]]));
}

test("a locked gate holds nobody and stores no key for visitors, and the PIN opens it without a network", async () => {
  const { gate, device, server } = await guarded();
  server.down = true;
  await gate.lock();
  assert.deepEqual([gate.state().lock, gate.state().passes], ["locked", 0]);
  assert.deepEqual([...(await rows(device, "keys")).keys()], ["device"]);
  await assert.rejects(gate.scan(NUMBER, "entry"), problem("locked"));
  await gate.unlock(MINE);
  assert.deepEqual([gate.state().lock, gate.state().passes], ["open", 1]);
  assert.equal((await gate.scan(NUMBER, "entry")).name, "ਗੁਰਪ੍ਰੀਤ ਕੌਰ");
  await gate.refresh();
});

test("an app that ends is locked when it is opened again, also without a network", async () => {
  const { device, server } = await guarded();
  device.kill();
  server.down = true;
  const again = await device.open();
  assert.deepEqual([again.state().lock, again.state().passes, again.state().login], ["locked", 0, "SEC-0001"]);
  await again.unlock(MINE);
  assert.deepEqual([again.state().passes, (await again.scan(TOKEN, "entry")).outcome], [1, "admit"]);
});

test("scans that wait are sent while the app is locked, and the server hears of the device", async () => {
  const { gate, device, server } = await guarded();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  await gate.lock();
  device.kill();
  const again = await device.open();
  assert.deepEqual([again.state().lock, again.state().unsent], ["locked", 1]);
  server.down = false;
  server.now += 2 * MINUTE;
  const reports = server.reports.length;
  await again.refresh();
  assert.deepEqual([again.state().lock, again.state().unsent, server.recorded.size], ["locked", 0, 1]);
  assert.deepEqual(server.reports.slice(reports), [{ version: "", list_age_s: 0, unsent: 0 }]);
  assert.equal(again.state().passes, 0, "no list is fetched for nobody");
});

test("after too many wrong PINs what names visitors is gone for good, and each scan stays and is sent", async () => {
  const { gate, device, server } = await guarded();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  await gate.lock();
  for (let left = MOST_WRONG - 1; left > 1; left -= 1) {
    await assert.rejects(gate.unlock("1357"), problem("wrong_pin"));
    assert.equal(gate.state().triesLeft, left);
  }
  device.kill(); // a restart gives no further tries
  const again = await device.open();
  await assert.rejects(again.unlock("1357"), problem("wrong_pin"));
  await assert.rejects(again.unlock("1357"), problem("pins_wrong"));
  assert.deepEqual([again.state().lock, again.state().signedIn, again.state().unsent], ["open", false, 1]);
  assert.deepEqual((await rows(device, "manifest")).size, 0);
  assert.ok(![...(await rows(device, "settings")).keys()].includes("guardedHalf"));
  [server.down, server.asked] = [false, []];
  await again.refresh();
  assert.equal(server.signedIn, false, "the session has ended at the server, too");
  const ends = server.asked.indexOf("DELETE /api/v1/sessions/current");
  assert.deepEqual(server.asked.slice(ends - 1, ends), ["POST /api/v1/scans/sync"], "it has said why");
  [server.signedIn, server.until] = [true, server.until + MINUTE];
  await again.refresh();
  assert.deepEqual([again.state().unsent, server.recorded.size, again.state().lock], [0, 1, "choose"]);
  await again.refresh();
});

test("the server hears once of too many wrong PINs, also from whoever signs in next", async () => {
  const { gate, device, server } = await guarded();
  await gate.lock();
  const at = new Date(server.now).toISOString();
  server.down = true;
  for (let tries = 1; tries < MOST_WRONG; tries += 1) await assert.rejects(gate.unlock("1357"), problem("wrong_pin"));
  await assert.rejects(gate.unlock("1357"), problem("pins_wrong"));
  device.kill();
  const again = await device.open();
  const told: unknown[] = [];
  server.before = (path, body) => {
    if (path !== "/api/v1/scans/sync") return;
    told.push(JSON.parse(String(body)));
    server.status = told.length === 1 ? 422 : null; // a server of before the upgrade does not know it
  };
  [server.down, server.login] = [false, "SEC-0002"];
  await again.refresh();
  server.status = null;
  await again.refresh();
  await again.refresh();
  const body = { gate: GATE, scans: [], wrong_pins: { login: "SEC-0001", at } };
  assert.deepEqual(told, [body, body]);
});

test("no PIN is tried that a full disk cannot count", async () => {
  const { gate } = await guarded();
  await gate.lock();
  const said = mock.method(console, "error", () => undefined);
  const full = mock.method(IDBObjectStore.prototype, "put", () => {
    throw new DOMException("the disk is full", "QuotaExceededError");
  });
  for (const typed of [...Array<string>(MOST_WRONG).fill("1357"), MINE]) await assert.rejects(gate.unlock(typed), problem("pin_uncounted"));
  full.mock.restore();
  said.mock.restore();
  assert.deepEqual([gate.state().lock, gate.state().triesLeft], ["locked", null]);
  await gate.unlock(MINE);
  assert.equal(gate.state().lock, "open");
  await gate.refresh();
});

test("a gate that is unlocked asks for the list at once, also where a round has begun before, and says that it comes", async () => {
  const { gate, server } = await guarded();
  await gate.lock();
  server.now += HOUR;
  const [reached, isReached] = signal();
  const [answered, answer] = signal();
  const [asked, isAsked] = signal();
  server.before = (path) => {
    if (path === "/api/v1/gate/manifest") isAsked();
    if (path !== "/api/v1/gate/device/report") return undefined;
    isReached();
    return answered;
  };
  const round = gate.refresh();
  await reached;
  await gate.unlock(MINE);
  assert.deepEqual([gate.state().listComing, gate.state().passes], [true, 1]);
  answer();
  await Promise.all([round, asked]);
  await gate.refresh();
  assert.equal(gate.state().listComing, false);
});

test("an exit of which nobody has said how many leave counts nobody out when the app locks", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ inside: 2, admitted: 2, inside_since: "2026-12-01T05:00:00Z" }));
  const { gate } = await guarded(server);
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "exit")).preview, true);
  await gate.lock();
  await gate.unlock(MINE);
  assert.deepEqual([gate.state().unsent, (await gate.inside()).entries.map((one) => one.inside)], [0, [2]]);
  await gate.refresh();
});

test("a right PIN in between gives all tries again", async () => {
  const { gate } = await guarded();
  for (let times = 0; times < 2; times += 1) {
    await gate.lock();
    for (let wrong = 0; wrong < 2; wrong += 1) await assert.rejects(gate.unlock("1357"), problem("wrong_pin"));
    await gate.unlock(MINE);
    assert.equal(gate.state().triesLeft, null);
  }
  await gate.refresh();
});

test("a guard has chosen once: the PIN counts after each sign-in, and after a sign-out it guards nothing", async () => {
  const { gate, device, server } = await guarded();
  await gate.signOut();
  assert.ok(![...(await rows(device, "settings")).keys()].includes("guardedHalf"));
  server.until += HOUR;
  await gate.refresh();
  assert.equal(gate.state().lock, "open");
  await gate.lock();
  await gate.unlock(MINE);
  assert.equal(gate.state().passes, 1);
  await gate.refresh();
});

test("another guard who signs in has a PIN of their own, and opens what a colleague has locked", async () => {
  const { gate, server } = await guarded();
  await gate.lock();
  [server.login, server.until] = ["SEC-0002", server.until + HOUR];
  await gate.refresh();
  assert.deepEqual([gate.state().lock, gate.state().passes], ["choose", 1]);
  await gate.choosePin("7294");
  await gate.lock();
  await assert.rejects(gate.unlock(MINE), problem("wrong_pin"));
  await gate.unlock("7294");
  assert.equal(gate.state().lock, "open");
  await gate.refresh();
});

test("who has forgotten the PIN signs in, and chooses another", async () => {
  const { gate, server } = await guarded();
  await gate.lock();
  await gate.signOut(false, true);
  server.until += HOUR;
  await gate.refresh();
  assert.equal(gate.state().lock, "choose");
});

test("a device that is revoked while it is locked forgets its visitors", async () => {
  const { gate, device, server } = await guarded();
  await gate.lock();
  server.notEnrolled = "device_revoked";
  await gate.refresh();
  assert.deepEqual([gate.state().lock, gate.state().notEnrolled], ["open", "device_revoked"]);
  assert.deepEqual([(await rows(device, "keys")).size, (await rows(device, "manifest")).size], [0, 0]);
});

test("a session that ends while the app is locked takes what names visitors with it", async () => {
  const { gate, device, server } = await guarded();
  await gate.lock();
  [server.down, server.now] = [true, server.until];
  await gate.refresh();
  assert.deepEqual([gate.state().lock, gate.state().signedIn, (await rows(device, "manifest")).size], ["open", false, 0]);
});

test("a gate that was upgraded without a network goes on as before, and asks for a PIN when it answers", async () => {
  const device = new Device(new Server());
  await (await device.open()).refresh();
  device.kill();
  device.settings = { locks: true };
  device.server.down = true;
  const gate = await device.open();
  assert.deepEqual([gate.state().lock, gate.state().passes], ["open", 1]);
  await gate.lock();
  assert.equal(gate.state().lock, "open", "nobody could open it");
  device.server.down = false;
  await gate.refresh();
  assert.equal(gate.state().lock, "choose");
  assert.ok((await rows(device, "keys")).has("visitors"), "nothing is lost by a guard who waits with it");
  await gate.choosePin(MINE);
  assert.deepEqual([...(await rows(device, "keys")).keys()], ["device"]);
  await gate.lock();
  await gate.unlock(MINE);
  assert.equal(gate.state().passes, 1);
  await gate.refresh();
});

test("an app that ends before a PIN is chosen stores no other key for visitors, and keeps what is scanned", async () => {
  const device = new Device(new Server(), { locks: true });
  await (await device.open()).refresh();
  device.kill();
  device.server.down = true;
  const gate = await device.open();
  await gate.scan(TOKEN, "exit");
  assert.deepEqual([gate.state().lock, gate.state().unsent], ["open", 1]);
  assert.deepEqual([...(await rows(device, "keys")).keys()], ["device", "queue"]);
  device.server.down = false;
  await gate.refresh();
  await gate.choosePin(MINE);
  await gate.lock();
  await gate.unlock(MINE);
  assert.deepEqual([gate.state().passes, device.server.recorded.size], [1, 1]);
  await gate.refresh();
});

test("a guard whose PIN the disk has no room for has a gate all the same", async () => {
  const device = new Device(new Server(), { locks: true });
  const gate = await device.open();
  await gate.refresh();
  const said = mock.method(console, "error", () => undefined);
  const full = mock.method(IDBObjectStore.prototype, "put", () => {
    throw new DOMException("the disk is full", "QuotaExceededError");
  });
  await gate.choosePin(MINE);
  full.mock.restore();
  said.mock.restore();
  assert.deepEqual([gate.state().lock, gate.state().passes], ["open", 1]);
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "admit");
});

test("a new enrolment is guarded by the PIN of before, without asking for it", async () => {
  const { gate, server } = await guarded();
  server.half = "00112233445566778899aabbccddeeff";
  await gate.refresh();
  await gate.lock();
  await gate.unlock(MINE);
  assert.equal(gate.state().lock, "open");
  await gate.refresh();
});

test("the right PIN opens nothing without this device's own key, or with another PIN of the same guard", async () => {
  const key = (): Promise<CryptoKey> =>
    crypto.subtle.importKey("raw", crypto.getRandomValues(new Uint8Array(32)), "HKDF", false, ["deriveKey"]);
  const [own, other] = [await key(), await key()];
  const pin = await makePin(crypto, own, MINE, 1000);
  const guarded = await guardHalf(crypto, "SEC-0001", pin, "half");
  assert.equal(await openHalf(crypto.subtle, own, pin, guarded, MINE), "half");
  assert.equal(await openHalf(crypto.subtle, other, pin, guarded, MINE), null);
  assert.equal(await openHalf(crypto.subtle, own, await makePin(crypto, own, MINE, 1000), guarded, MINE), null);
});

test("a PIN that is guessed first is refused, and one of three or seven digits", () => {
  for (const bad of ["0000", "111111", "1234", "456789", "9876", "7890", "123", "1234567", "12a4", ""])
    assert.equal(isGoodPin(bad), false, bad);
  for (const good of ["4829", "48291", "482915", "1235"]) assert.equal(isGoodPin(good), true, good);
});

test("the names of visitors go after the time without the server, and passes are still checked", async () => {
  const { gate, device, server } = await guarded();
  server.manifest.offline = { green_s: 900, amber_s: 8 * 3600, then: "refuse" };
  server.now += MINUTE;
  await gate.refresh();
  await gate.scan(NUMBER, "entry");
  server.down = true;
  await gate.admit(RIGHT);
  server.now += 6 * HOUR - 1000;
  await gate.refresh();
  assert.deepEqual([gate.state().namesDeleted, (await rows(device, "manifest")).has("people")], [false, true]);
  server.now += 1000;
  await gate.refresh();
  assert.deepEqual([gate.state().namesDeleted, (await rows(device, "manifest")).has("people")], [true, false]);
  const [waiting] = (await gate.inside()).entries;
  assert.deepEqual([waiting?.pass, waiting?.name, waiting?.inside], [NUMBER, "", 2]);
  device.kill();
  const again = await device.open();
  await again.unlock(MINE);
  assert.deepEqual([again.state().passes, again.state().unsent, again.state().namesDeleted], [1, 1, true]);
  assert.equal((await again.scan(TOKEN, "entry")).outcome, "expired", "the standing of each pass is known");
  await again.refresh();
  server.down = false;
  await again.refresh();
  assert.deepEqual([again.state().namesDeleted, server.recorded.size], [false, 1]);
  assert.equal((await again.inside()).entries.length, 0);
  await again.refresh();
});

test("names go while the app is locked, and while it is closed, and no clock that is set back keeps them", async () => {
  const { gate, device, server } = await guarded();
  await gate.lock();
  server.down = true;
  server.now += 5 * HOUR;
  await gate.refresh();
  device.kill();
  device.aheadMs = -5 * HOUR;
  const again = await device.open();
  server.now += HOUR;
  await again.refresh();
  assert.deepEqual([again.state().lock, (await rows(device, "manifest")).has("people")], ["locked", false]);
  await again.unlock(MINE);
  assert.deepEqual([again.state().passes, again.state().namesDeleted], [1, true]);
  await again.refresh();
});

test("a clock that leaps forward over a restart takes no scan", async () => {
  const { gate, device, server } = await guarded();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  device.kill();
  device.aheadMs = 1000 * HOUR;
  const again = await device.open();
  assert.deepEqual([again.state().signedIn, again.state().unsent], [false, 1]);
  device.aheadMs = 0;
  server.down = false;
  await again.refresh();
  assert.deepEqual([again.state().unsent, server.recorded.size], [0, 1]);
});

test("the app is due to lock after ten minutes untouched, or thirty seconds out of sight", () => {
  let passed = 0;
  const idle = new Idle(() => passed, 10 * MINUTE, 30_000);
  passed = 10 * MINUTE - 1;
  assert.equal(idle.isDue, false);
  idle.touch();
  passed += 10 * MINUTE - 1;
  assert.equal(idle.isDue, false);
  passed += 1;
  assert.equal(idle.isDue, true);
  idle.touch();
  idle.hide(true);
  passed += 29_999;
  assert.equal(idle.isDue, false, "a call, or a screen that dims");
  idle.hide(true); // told once more
  passed += 1;
  assert.deepEqual([idle.isDue, idle.isAway], [true, true]);
  idle.hide(false);
  assert.equal(idle.isDue, false);
});
