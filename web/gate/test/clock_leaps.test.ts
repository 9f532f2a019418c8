// The server's clock was an hour ahead and is right again: what the gate holds from the future makes nothing young.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { WrongPins } from "../core/agreement.ts";
import type { Gate } from "../core/gate.ts";
import { Store } from "../core/store.ts";
import { RIGHT } from "./scans.ts";
import { Device, MINUTE, NOON, NUMBER, SUPERVISOR, Server, openGate, statusList } from "./server.ts";

const HOUR = 60 * MINUTE;

/** Return a gate that holds a manifest and a list of an hour ahead, where the clock is right again. */
async function gateFromTheFuture(): Promise<{ gate: Gate; device: Device; server: Server }> {
  const server = new Server();
  server.setClock(HOUR);
  const opened = await openGate(server);
  assert.deepEqual([opened.gate.state().trust, opened.gate.state().listAgeS], ["green", 0]);
  server.setClock(0);
  return opened;
}

/** Have the server tell the time, and nothing else. */
async function hearTime(gate: Gate, server: Server): Promise<void> {
  server.status = 503;
  await gate.refresh();
  server.status = null;
}

test("what is held from the future is amber until something right comes, which is taken although it is older", async () => {
  const { gate, server } = await gateFromTheFuture();
  await hearTime(gate, server);
  assert.deepEqual([gate.state().trust, gate.state().listProblem], ["amber", "undated"]);
  assert.ok((gate.state().listAgeS ?? 0) > 15 * 60);
  assert.equal((await gate.scan(NUMBER, "entry")).trust, "amber", "the guard is warned, and nobody is held up");
  server.revoked = [NUMBER];
  server.now += MINUTE;
  await gate.refresh();
  assert.deepEqual([gate.state().trust, gate.state().listAgeS, gate.state().listProblem], ["green", 0, null]);
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
});

test("the first round after the clock is right takes a manifest and a list, and shows nothing from the future", async () => {
  const { gate, server } = await gateFromTheFuture();
  const shown = new Map<string, string>();
  server.before = (path) => void shown.set(path, `${gate.state().trust} ${gate.state().listAgeS}`);
  await gate.refresh();
  assert.equal(shown.get("/api/v1/gate/manifest"), "amber 901");
  assert.deepEqual([gate.state().trust, gate.state().listAgeS, server.manifests.length], ["green", 0, 2]);
});

for (const isStored of [true, false]) {
  const disk = isStored ? "" : ", although a full disk has not kept that it is not trusted";
  test(`what a device has stored from the future stays amber while the app is closed and opened offline${disk}`, async () => {
    const { gate, device, server } = await gateFromTheFuture();
    const full = (): Promise<never> => Promise.reject(new DOMException("full", "QuotaExceededError"));
    const said = mock.method(console, "error", () => undefined);
    if (!isStored) for (const name of ["saveManifest", "saveStatus"] as const) mock.method(Store.prototype, name, full);
    await hearTime(gate, server);
    await gate.scan(NUMBER, "entry"); // what is stored is stored in turn
    mock.restoreAll();
    said.mock.restore();
    device.kill();
    server.down = true;
    const again = await device.open();
    assert.equal(again.state().trust, "amber");
    const age = again.state().listAgeS ?? 0;
    server.now += 2 * HOUR;
    assert.deepEqual([again.state().trust, again.state().listAgeS], ["amber", age + 2 * 3600], "it goes on from there");
  });
}

test("what was stored from the future is no younger for an app that is opened offline when that time has come", async () => {
  const { gate, device, server } = await gateFromTheFuture();
  await hearTime(gate, server);
  await gate.scan(NUMBER, "entry"); // what is stored is stored in turn
  device.kill();
  server.down = true;
  server.now += HOUR + MINUTE;
  const { trust, listAgeS } = (await device.open()).state();
  assert.deepEqual([trust, (listAgeS ?? 0) >= 3600], ["amber", true]);
});

test("a gateway whose clock is behind makes a gate ask for a manifest at once not more than once a minute", async () => {
  const { gate, server } = await openGate();
  server.before = (path) => server.setClock(path.includes("manifest") ? 0 : -2 * MINUTE);
  const before = server.manifests.length;
  for (let rounds = 0; rounds < 12; rounds += 1) {
    server.now += MINUTE / 6;
    await gate.refresh();
  }
  assert.ok(server.manifests.length - before <= 6, "in two minutes, with one each half minute as always");
});

test("a list and a manifest of before are refused while what is held is from the future, and afterwards", async () => {
  const { gate, server } = await gateFromTheFuture();
  const old = await statusList(NOON - 20 * MINUTE);
  await hearTime(gate, server);
  for (const when of ["before something right has come", "and after it"]) {
    server.now += MINUTE;
    server.statusJws = old;
    server.manifest = { made_at: new Date(NOON - 20 * MINUTE).toISOString() };
    await gate.refresh();
    assert.equal(gate.state().listProblem, "rolled_back", when);
    server.statusJws = null;
    server.manifest = {};
    server.now += MINUTE;
    await gate.refresh();
    assert.deepEqual([gate.state().trust, gate.state().listProblem], ["green", null]);
  }
});

test("a gate goes on to report and to fetch by the time that passes, whatever the server's clock says", async () => {
  const { gate, server } = await gateFromTheFuture();
  await gate.refresh();
  const [reports, manifests] = [server.reports.length, server.manifests.length];
  server.setClock(-HOUR);
  server.now += MINUTE;
  await gate.refresh();
  assert.deepEqual([server.reports.length - reports, server.manifests.length - manifests], [1, 1]);
});

test("deferred scans are sent after the time that the server has said, whatever its clock says then", async () => {
  const server = new Server();
  server.setClock(HOUR);
  const { gate } = await openGate(server);
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  server.down = false;
  server.deferred = { has: () => true } as unknown as Set<string>;
  await gate.refresh();
  server.deferred = new Set();
  server.setClock(0);
  server.now += server.retryAfterS * 1000;
  await gate.refresh();
  assert.deepEqual([gate.state().unsent, server.recorded.size], [0, 1]);
});

test("wrong PINs of an hour ahead lock nobody out for longer than a quarter of an hour", () => {
  const pins = new WrongPins();
  const wire = { login_id: SUPERVISOR.login_id, reason: "known to the officer", proof: "" };
  for (let times = 0; times < 5; times += 1) {
    assert.throws(() => pins.require({ wire, isTheirs: false }, NOON + HOUR), { code: "wrong_pin" });
  }
  assert.throws(() => pins.require({ wire, isTheirs: true }, NOON + HOUR), { code: "pin_locked" });
  pins.require({ wire, isTheirs: true }, NOON + 15 * MINUTE);
});
