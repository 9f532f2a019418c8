// Exits of parties: they leave in parts, and what follows when nobody counted an exit.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Store } from "../core/store.ts";
import { TOKEN, offlineGate, problem, tokenOfNewKey } from "./scans.ts";
import { MINUTE, NUMBER, OTHER, Server, forgedTokenOf, openGate, pass } from "./server.ts";

const THREE = { party: 3, inside: 3, admitted: 3, inside_since: "2026-12-01T05:00:00Z", last_gate: "PCS1-G2" };

for (const isOnline of [true, false]) {
  const where = isOnline ? "online" : "without a network";

  test(`${where} a party leaves in parts, and the evacuation list has the rest`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    const asked = await gate.scan(TOKEN, "exit");
    assert.deepEqual([asked.outcome, asked.preview, asked.inside], ["exit", true, 3]);
    assert.deepEqual([server.recorded.size, gate.state().unsent], [0, 0], "nothing is recorded yet");
    const left = await gate.leave(1);
    assert.deepEqual([left.outcome, left.recorded, left.inside], ["exit", true, 2]);
    server.down = true;
    server.now += MINUTE;
    await gate.scan(OTHER, "exit"); // without a network by now
    const inside = (await gate.inside()).entries.filter((one) => one.pass === NUMBER);
    assert.deepEqual(inside.map((one) => one.inside), [2]);
    assert.equal((await gate.scan(TOKEN, "exit")).inside, 2);
    assert.equal((await gate.leave()).inside, 0);
    assert.deepEqual((await gate.inside()).entries.filter((one) => one.pass === NUMBER), []);
    server.down = false;
    await gate.refresh();
    assert.equal(server.passes.get(NUMBER)?.inside, 0);
    assert.ok([...server.recorded.values()].every((one) => !("offline" in one) || one.ask_count === undefined));
  });

  test(`${where} the next scan means that all have left, and the same pass asks again`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    server.passes.set(OTHER, pass({ pass: OTHER }));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    await gate.scan(TOKEN, "exit");
    assert.equal((await gate.scan(TOKEN, "exit")).preview, true);
    await gate.scan(OTHER, "entry");
    await assert.rejects(gate.leave(1), problem("no_preview"));
    assert.equal((await gate.scan(TOKEN, "exit")).inside, 0);
  });

  test(`${where} an exit that was forgotten, since nobody counted it, leaves all of them inside`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    server.passes.set(OTHER, pass({ pass: OTHER }));
    const { gate, device } = await openGate(server);
    server.down = !isOnline;
    const asked = await gate.scan(TOKEN, "exit");
    assert.equal(await gate.forgetLeaving(asked), true);
    assert.equal(await gate.forgetLeaving(asked), false, "once");
    await assert.rejects(gate.leave(1), problem("no_preview"));
    await gate.scan(OTHER, "entry");
    device.kill();
    const again = await device.open();
    assert.deepEqual([server.recorded.size, again.state().unsent], [0, 0], "neither the next scan nor a restart records it");
    assert.equal(server.passes.get(NUMBER)?.inside, 3);
  });

  for (const [what, text] of Object.entries({
    "a number with a mistake": "7K3M9QW4", "a number that is not whole": "7K3", "any other code": `upi://pay?pa=${"x".repeat(30)}`,
  })) {
    test(`${where} ${what} is no next visitor: nobody is counted out by it, then or hours later`, async () => {
      const server = new Server();
      server.passes.set(NUMBER, pass(THREE));
      server.passes.set(OTHER, pass({ pass: OTHER }));
      const { gate } = await openGate(server);
      server.down = !isOnline;
      const asked = await gate.scan(TOKEN, "exit");
      await gate.scan(text, "exit");
      assert.deepEqual([...server.recorded.values()].filter((one) => one.token === TOKEN), []);
      server.now += 180 * MINUTE;
      await gate.scan(OTHER, "entry").catch(() => undefined); // its list is old by now
      assert.equal(server.passes.get(NUMBER)?.inside, 3);
      server.down = false;
      await gate.refresh();
      assert.equal(server.passes.get(NUMBER)?.inside, 3, "nor by what is sent later");
      assert.equal(await gate.forgetLeaving(asked), false, "the next visitor ends the question");
    });
  }

  test(`${where} the next pass ends the question also where its key is new to this gate`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    server.passes.set(OTHER, pass({ ...THREE, pass: OTHER }));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    await gate.scan(TOKEN, "exit");
    await gate.scan(await tokenOfNewKey(pass({ pass: OTHER })), "exit");
    server.down = false;
    await gate.refresh();
    assert.equal(server.passes.get(NUMBER)?.inside, 0);
  });

  test(`${where} the same pass by its number asks again, and counts nobody out`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    for (const text of [TOKEN, NUMBER, TOKEN]) {
      const shown = await gate.scan(text, "exit");
      assert.deepEqual([shown.preview, shown.inside], [true, 3]);
    }
    assert.deepEqual([server.recorded.size, gate.state().unsent], [0, 0]);
  });

  test(`${where} after such a code the question still waits, and ends without a record`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    const asked = await gate.scan(TOKEN, "exit");
    await gate.scan(await forgedTokenOf(pass()), "exit");
    assert.equal(await gate.forgetLeaving(asked), true);
    assert.equal(server.passes.get(NUMBER)?.inside, 3);
  });

  test(`${where} an exit that nobody has counted hours before the app is opened again counts nobody out`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate, device } = await openGate(server);
    server.down = !isOnline;
    await gate.scan(TOKEN, "exit");
    device.kill();
    server.now += 180 * MINUTE;
    const again = await device.open();
    assert.deepEqual([again.state().unsent, server.recorded.size], [0, 0]);
    device.kill();
    server.now -= 180 * MINUTE;
    assert.equal((await device.open()).state().unsent, 0, "it is forgotten");
  });

  test(`${where} an exit that nobody has counted when the app is killed means that all have left`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate, device } = await openGate(server);
    server.down = !isOnline;
    await gate.scan(TOKEN, "exit");
    device.kill();
    const again = await device.open();
    assert.equal(again.state().unsent, 1);
    assert.deepEqual((await again.inside()).entries.filter((one) => one.pass === NUMBER), []);
    device.kill();
    const third = await device.open();
    assert.equal(third.state().unsent, 1, "once");
    server.down = false;
    await third.refresh();
    assert.deepEqual([server.recorded.size, server.passes.get(NUMBER)?.inside], [1, 0]);
  });

  test(`${where} an exit that was counted is not counted again when the app is opened`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate, device } = await openGate(server);
    server.down = !isOnline;
    await gate.scan(TOKEN, "exit");
    // The app is killed between the record and the deletion of the note.
    mock.method(Store.prototype, "saveNotes", () => Promise.resolve());
    await gate.leave(1);
    mock.restoreAll();
    device.kill();
    const again = await device.open();
    assert.equal(again.state().unsent, isOnline ? 0 : 1);
    server.down = false;
    await again.refresh();
    assert.deepEqual([server.recorded.size, server.passes.get(NUMBER)?.inside], [1, 2]);
  });

  test(`${where} one of a party who comes back by the same pass is asked for as an entry, and the exit is recorded`, async () => {
    const server = new Server();
    server.passes.set(NUMBER, pass({ ...THREE, entries: 2 }));
    const { gate } = await openGate(server);
    server.down = !isOnline;
    await gate.scan(TOKEN, "exit");
    const back = await gate.scan(TOKEN, "entry");
    assert.deepEqual([back.outcome, back.inside], ["admit", 0]);
  });
}

test("a full disk takes neither the next scan nor the sign-out from a gate whose exit nobody has counted", async () => {
  for (const act of ["scan", "sign out"] as const) {
    const server = new Server();
    server.passes.set(NUMBER, pass(THREE));
    const { gate } = await offlineGate(server);
    await gate.scan(NUMBER, "exit");
    mock.method(Store.prototype, "saveScan", () => Promise.reject(new Error("full")));
    const doIt = async (): Promise<unknown> => (act === "scan" ? gate.scan(OTHER, "entry") : gate.signOut(true));
    await assert.rejects(doIt, problem("storage"), "the guard is told");
    await doIt();
    mock.restoreAll();
    gate.close();
  }
});
