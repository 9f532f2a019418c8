// The server's time at the gate, and the age of the lists: clocks that are off, set back or set while the app is open.
import assert from "node:assert/strict";
import { test } from "node:test";
import { RIGHT } from "./scans.ts";
import { Device, GATE, MINUTE, NUMBER, OTHER, Server, openGate, pass } from "./server.ts";

test("a clock that is off by more than a minute is noticed, and the server's time is used", async () => {
  const { gate, server, device } = await openGate();
  device.aheadMs = 3 * 60 * MINUTE;
  await gate.refresh();
  assert.equal(gate.state().clockOffS, 3 * 3600);
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "admit", "not expired");
  device.aheadMs = 30_000;
  server.down = false;
  await gate.refresh();
  assert.equal(gate.state().clockOffS, 0);
});

test("a clock that is set back offline does not make an old list look new", async () => {
  const { gate, server, device } = await openGate();
  server.now += 60 * MINUTE;
  await gate.refresh();
  server.down = true;
  device.aheadMs = -2 * 60 * MINUTE;
  assert.ok(gate.state().clockOffS < -3600);
  const { at } = await gate.scan(NUMBER, "entry");
  assert.ok(Date.parse(at) >= server.now - MINUTE);
});

test("a clock that is off by less than a minute is corrected, too: scans of two gates stay in their order", async () => {
  const { gate, server, device } = await openGate();
  device.aheadMs = 50_000;
  await gate.refresh();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "exit")).at, new Date(server.now).toISOString());
});

test("the server's time counts from when its answer began, however long its body takes", async () => {
  const server = new Server();
  const answer = server.fetch;
  server.fetch = async (input, init) => {
    const response = await answer(input, init);
    const text = response.text.bind(response);
    response.text = async () => {
      server.now += 50_000;
      return text();
    };
    return response;
  };
  const device = new Device(server);
  const gate = await device.open();
  await gate.refresh();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "exit")).at, new Date(server.now).toISOString());
});

for (const [how, hours] of [
  ["forward", 9],
  ["back", -3],
] as const) {
  test(`a clock that somebody sets ${how} while the app is open changes nothing but a notice`, async () => {
    const server = new Server();
    const device = new Device(server);
    const gate = await device.open();
    await gate.refresh();
    server.down = true;
    device.aheadMs = hours * 60 * MINUTE;
    server.now += 5 * MINUTE;
    const shown = await gate.scan(NUMBER, "entry");
    assert.deepEqual([shown.outcome, shown.at], ["admit", new Date(server.now).toISOString()]);
    assert.deepEqual([gate.state().signedIn, gate.state().listAgeS], [true, 300]);
    assert.equal(gate.state().clockOffS, hours * 3600);
  });
}

test("no scan is before the last one, and a time before the first answer binds nobody", async () => {
  const { gate, server, device } = await openGate();
  server.down = true;
  server.now += 10 * MINUTE;
  const first = await gate.scan(NUMBER, "exit");
  device.aheadMs = -5 * MINUTE;
  assert.equal((await gate.scan(NUMBER, "exit")).at, first.at);
  device.aheadMs = 60 * MINUTE;
  await gate.scan(NUMBER, "exit");
  server.down = false;
  await gate.refresh();
  assert.equal((await gate.scan(NUMBER, "entry")).at, new Date(server.now).toISOString());
});

test("the age counts from the newest of manifest and signed list, and is sent with the scan", async () => {
  const { gate, server } = await openGate();
  server.now += 2 * MINUTE;
  await gate.refresh();
  server.down = true;
  server.now += MINUTE;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  server.down = false;
  await gate.refresh();
  const [sent] = [...server.recorded.values()];
  assert.ok(sent && "offline" in sent);
  assert.deepEqual(sent.offline, { verdict: "admit", list_age_s: 60, supervisor: null, login: "SEC-0001" });
  assert.equal(sent.count, 2);
});

test("the age of what the gate holds counts from when it asked, not from when all pages were there", async () => {
  const { gate, server } = await openGate();
  await gate.chooseGate(GATE);
  server.before = (path) => {
    if (path === "/api/v1/gate/manifest") server.now += 4 * MINUTE; // a slow line
  };
  await gate.refresh();
  server.before = () => {};
  server.passes.set(OTHER, pass({ pass: OTHER }));
  server.now += 2 * MINUTE;
  await gate.refresh();
  assert.equal(gate.state().passes, 2);
});
