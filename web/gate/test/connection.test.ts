// On the way between online and offline: when the gate decides itself, and what it fetches when it is back.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import type { Gate } from "../core/gate.ts";
import { Store } from "../core/store.ts";
import { RIGHT, SEEN, TOKEN, offlineGate } from "./scans.ts";
import { GATE, MINUTE, NOON, NUMBER, OTHER, Server, openGate, pass } from "./server.ts";

test("without an answer in time the gate decides by itself, and says on what it rests", async () => {
  const { gate, server } = await offlineGate();
  server.now += 5 * MINUTE;
  const shown = await gate.scan(TOKEN, "entry");
  assert.deepEqual([shown.outcome, shown.mayEnter, shown.nameLatin], ["admit", 2, "Gurpreet Kaur"]);
  assert.deepEqual([shown.offline, shown.ageS, shown.trust], [true, 300, "green"]);
  assert.equal(gate.state().offlineSince, new Date(server.now).toISOString());
  const asked = server.asked.length;
  await gate.scan(TOKEN, "entry");
  assert.equal(server.asked.length, asked, "the next guard does not wait for the time limit again");
});

for (const status of [500, 502, 503, 504]) {
  test(`a gateway that answers ${status} does not hold up the gate`, async () => {
    const { gate, server } = await openGate();
    server.status = status;
    assert.deepEqual([(await gate.scan(TOKEN, "entry")).offline, gate.state().online], [true, false]);
  });
}

test("the gate goes back online by itself, and only when the server can decide again", async () => {
  const { gate, server } = await offlineGate();
  await gate.scan(TOKEN, "entry");
  server.down = false;
  server.before = (path) => {
    server.status = path === "/api/v1/gate/manifest" ? 503 : null; // the gateway lives, verify does not
  };
  server.now += 5 * MINUTE;
  await gate.refresh();
  assert.equal(gate.state().online, false);
  assert.equal(gate.state().offlineSince, new Date(NOON).toISOString(), "since the first time, not the last");
  server.before = () => {};
  server.status = null;
  await gate.refresh();
  assert.deepEqual([gate.state().online, gate.state().offlineSince], [true, null]);
  assert.equal((await gate.scan(TOKEN, "entry")).offline, false);
});

test("a full disk closes no gate that is online: what it has in memory is right", async () => {
  const full = mock.method(Store.prototype, "saveMove", async () => {
    throw new DOMException("full", "QuotaExceededError");
  });
  const reported = mock.method(console, "error", () => {});
  try {
    const { gate, server } = await openGate();
    await gate.scan(TOKEN, "entry");
    const admitted = await gate.admit(SEEN);
    assert.deepEqual([admitted.outcome, server.recorded.size], ["admit", 1]);
    server.down = true;
    assert.equal((await gate.scan(NUMBER, "entry")).outcome, "already_inside");
    assert.equal(reported.mock.callCount(), 1);
  } finally {
    mock.restoreAll();
  }
  assert.equal(full.mock.callCount(), 1);
});

for (const broken of ["saveManifest", "set"] as const) {
  test(`a gate whose storage fails at ${broken} goes online all the same`, async () => {
    const { gate, server } = await offlineGate();
    await gate.scan(TOKEN, "entry");
    server.down = false;
    mock.method(console, "error", () => {});
    mock.method(Store.prototype, broken, async () => {
      throw new DOMException("full", "QuotaExceededError");
    });
    try {
      server.passes.set(OTHER, pass({ pass: OTHER }));
      await gate.refresh();
      assert.deepEqual([gate.state().online, gate.state().passes], [true, 2]);
    } finally {
      mock.restoreAll();
    }
  });
}

for (const [what, ask] of Object.entries<(gate: Gate) => Promise<void>>({
  "a reload that is told": (gate) => gate.hearReload(),
  "another gate that is chosen": (gate) => gate.chooseGate("PCS1-G2"),
})) {
  test(`${what} while a manifest comes is not lost: it is fetched once more`, async () => {
    const server = new Server();
    server.gate = null;
    const { gate } = await openGate(server);
    await gate.chooseGate(GATE);
    const fetches = () => server.asked.filter((one) => one === "GET /api/v1/gate/manifest").length;
    const before = fetches();
    server.before = (path) => {
      if (path !== "/api/v1/gate/manifest") return;
      server.before = () => {};
      void ask(gate);
    };
    await gate.refresh();
    await gate.refresh();
    assert.equal(fetches(), before + 2);
    await gate.refresh();
    assert.equal(fetches(), before + 2, "and once only");
  });
}

test("a scan that is decided while the gate goes online is sent first", async () => {
  const { gate, server } = await offlineGate();
  await gate.scan(TOKEN, "entry");
  server.down = false;
  server.before = async (path) => {
    if (path !== "/api/v1/gate/manifest") return;
    server.before = () => {};
    await gate.admit(RIGHT);
  };
  let unsentOnline = 0;
  gate.subscribe(() => (unsentOnline += gate.state().online ? gate.state().unsent : 0));
  await gate.refresh();
  assert.deepEqual([server.recorded.size, gate.state().online, unsentOnline], [1, true, 0]);
  assert.equal((await gate.scan(TOKEN, "entry")).outcome, "already_inside");
});

test("while nobody answers, gates ask more and more rarely, and not all at the same moment", async () => {
  const pauses: number[] = [];
  mock.method(globalThis, "setTimeout", (_again: () => void, ms: number) => pauses.push(ms));
  mock.method(Math, "random", () => 0.5);
  try {
    const { gate, server } = await openGate();
    server.down = true;
    for (let rounds = 0; rounds < 5; rounds += 1) {
      gate.start();
      await gate.refresh();
      await Promise.resolve();
    }
    server.down = false;
    gate.start();
    await gate.refresh();
    await Promise.resolve();
    assert.deepEqual(pauses, [7_500, 15_000, 30_000, 45_000, 45_000, 10_000]);
  } finally {
    mock.restoreAll();
  }
});

test("rounds go on by themselves, also after a failed one, and end when the guard signs out", async () => {
  const { gate, server } = await openGate();
  mock.timers.enable({ apis: ["setTimeout"] });
  const rounds = async (): Promise<number> => {
    mock.timers.tick(10_000);
    await gate.refresh();
    await new Promise(setImmediate); // the next timer is set after the round
    return server.asked.filter((one) => one === "GET /api/v1/gate/session").length;
  };
  gate.start();
  await gate.refresh();
  await new Promise(setImmediate);
  server.status = 503;
  const failed = await rounds();
  server.status = null;
  mock.timers.tick(10_000);
  await new Promise(setImmediate);
  assert.equal(server.asked.filter((one) => one === "GET /api/v1/gate/session").length, failed + 1);
  await gate.refresh();
  await gate.signOut();
  const before = server.asked.length;
  mock.timers.tick(60_000);
  await new Promise(setImmediate);
  assert.deepEqual([server.asked.length, gate.state().signedIn], [before, false]);
  mock.timers.reset();
});
