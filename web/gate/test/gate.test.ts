// What a guard gets from the gate: online, offline, and on the way between the two.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { GateProblem } from "../core/model.ts";
import type { Gate } from "../core/gate.ts";
import type { WirePass } from "../core/manifest.ts";
import type { IdCheck, Movement } from "../core/model.ts";
import { deriveKey, isKeyOf, prove, readPin } from "../core/pin.ts";
import { alsoAgreed } from "../core/shown.ts";
import { Store } from "../core/store.ts";
import {
  Device,
  GATE,
  MINUTE,
  NOON,
  NUMBER,
  OTHER,
  PIN,
  SUPERVISOR,
  Server,
  forgedTokenOf,
  openGate,
  pass,
  statusList,
  tokenOf,
} from "./server.ts";

const SEEN: IdCheck = { kind: "as_applied" };
const RIGHT: IdCheck = { kind: "matched", idType: "voter_id", last4: "4821" };
const WRONG: IdCheck = { kind: "matched", idType: "voter_id", last4: "4822" };
const OTHER_CARD: IdCheck = { kind: "other_id", idType: "passport", reason: "the same face" };
const TOKEN = await tokenOf(pass());

/** Return a gate whose server has gone down since it fetched the manifest. */
async function offlineGate(server = new Server()) {
  const opened = await openGate(server);
  server.down = true;
  return opened;
}

/** Return the token of a pass with a key of which the gate has not heard. */
async function tokenOfNewKey(one: WirePass): Promise<string> {
  const [, ...rest] = (await tokenOf(one)).split(".");
  const head = Buffer.from(JSON.stringify({ typ: "epass+jwt", alg: "EdDSA", kid: "k2" })).toString("base64url");
  return [head, ...rest].join(".");
}

function problem(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GateProblem && error.code === code;
}

test("online the server decides, and nothing is queued", async () => {
  const { gate, server } = await openGate();
  const shown = await gate.scan(TOKEN, "entry");
  assert.deepEqual(
    [shown.outcome, shown.preview, shown.mayEnter, shown.nameLatin],
    ["admit", true, 2, "Gurpreet Kaur"],
  );
  assert.deepEqual([shown.offline, shown.trust, shown.ageS, shown.room], [false, "green", 3, "214"]);
  const admitted = await gate.admit(SEEN);
  assert.deepEqual([admitted.outcome, admitted.recorded, admitted.inside], ["admit", true, 2]);
  const [recorded] = [...server.recorded.values()];
  assert.deepEqual(recorded?.id_check, { kind: "seen", id_type: "voter_id" });
  assert.equal(gate.state().unsent, 0);
});

test("while the server has all scans, the gate asks it about a pass before any signature is checked", async () => {
  const { gate } = await openGate();
  const verify = mock.method(crypto.subtle, "verify");
  await gate.scan(TOKEN, "entry");
  assert.equal(verify.mock.callCount(), 0);
  verify.mock.restore();
});

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

test("the next scan at this gate sees an offline entry, and an offline exit", async () => {
  const { gate } = await offlineGate();
  await gate.scan(TOKEN, "entry");
  const admitted = await gate.admit(RIGHT, 1);
  assert.deepEqual([admitted.outcome, admitted.inside, admitted.recorded], ["admit", 1, true]);
  assert.equal((await gate.scan(TOKEN, "entry")).mayEnter, 1);
  await gate.admit(RIGHT);
  const again = await gate.scan(TOKEN, "entry");
  assert.deepEqual([again.outcome, again.insideGate], ["already_inside", GATE]);
  assert.deepEqual([again.nameLatin, again.companions], [undefined, []], "who may not pass is not named");
  assert.equal((await gate.scan(TOKEN, "exit")).preview, true, "of two the guard says how many leave");
  assert.deepEqual([(await gate.leave()).outcome, gate.state().unsent], ["exit", 3]);
  assert.equal((await gate.scan(TOKEN, "entry")).outcome, "already_used");
});

test("what the server has admitted is known when the network goes", async () => {
  const { gate, server, device } = await openGate();
  await gate.scan(TOKEN, "entry");
  await gate.admit(RIGHT);
  server.down = true;
  assert.equal((await gate.scan(TOKEN, "entry")).outcome, "already_inside");
  device.kill();
  assert.equal((await (await device.open()).scan(TOKEN, "entry")).outcome, "already_inside");
});

test("two scans at once do not admit the same people twice", async () => {
  const { gate } = await offlineGate();
  await gate.scan(TOKEN, "entry");
  const both = await Promise.allSettled([gate.admit(RIGHT), gate.admit(RIGHT)]);
  const outcomes = both.map((one) => (one.status === "fulfilled" ? one.value.outcome : one.reason));
  assert.deepEqual(outcomes, ["admit", "already_inside"]);
});

test("a pass that is scanned while the last entry is recorded stays on the screen", async () => {
  const { gate, server } = await openGate();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  await gate.scan(NUMBER, "entry");
  const admitting = gate.admit(RIGHT);
  await gate.scan(OTHER, "entry");
  assert.deepEqual([(await admitting).pass, (await gate.admit(RIGHT)).pass], [NUMBER, OTHER]);
});

test("a pass number typed by hand works offline, however it is written", async () => {
  const { gate } = await offlineGate();
  assert.equal((await gate.scan(" 7k3m-9qw3 ", "entry")).outcome, "admit");
  assert.deepEqual([(await gate.admit(RIGHT)).inside, gate.state().unsent], [2, 1]);
  assert.equal((await gate.scan(OTHER, "entry")).outcome, "unknown_pass");
  assert.equal((await gate.scan("7K3M9QW4", "entry")).outcome, "unreadable");
});

test("offline a wrong ID is a verdict, is recorded, and the right one is taken after it", async () => {
  const { gate } = await offlineGate();
  await gate.scan(TOKEN, "entry");
  const wrong = await gate.admit(WRONG);
  assert.deepEqual([wrong.outcome, wrong.recorded, wrong.inside], ["id_mismatch", true, 0]);
  assert.equal((await gate.admit(RIGHT)).outcome, "admit");
});

test("an ID is sent as it was checked, and no Aadhaar number in a reason is stored", async () => {
  const { gate, server, device } = await offlineGate();
  await gate.scan(TOKEN, "entry");
  const reason = "card 2341 2341 2346 of the brother";
  const shown = await gate.admit({ kind: "other_id", idType: "passport", reason }, 1);
  assert.deepEqual(shown.marks, ["other_id"]);
  await gate.scan(TOKEN, "entry");
  assert.deepEqual((await gate.admit(SEEN)).marks, ["id_seen"]);
  server.down = false;
  await gate.refresh();
  const checks = [...server.recorded.values()].map((scan) => scan.id_check);
  assert.deepEqual(checks, [
    { kind: "other_id", id_type: "passport", reason: "card XXXX XXXX 2346 of the brother" },
    { kind: "seen", id_type: "voter_id" },
  ]);
  device.kill();
});

test("the guard is told what to correct, and nothing is recorded", async () => {
  const { gate } = await offlineGate();
  await assert.rejects(gate.admit(RIGHT), problem("no_preview"));
  await gate.scan(TOKEN, "entry");
  await assert.rejects(gate.admit(RIGHT, 3), problem("count_over_party"));
  await assert.rejects(gate.admit({ ...RIGHT, last4: "234123412346" }), problem("full_number"));
  await assert.rejects(gate.admit({ ...RIGHT, last4: "48" }), problem("not_four"));
  await assert.rejects(
    gate.admit({ kind: "other_id", idType: "pan", reason: " " }),
    problem("reason_missing"),
  );
  await gate.admit(RIGHT, 1);
  await gate.scan(TOKEN, "entry");
  await assert.rejects(gate.admit(RIGHT, 2), problem("count_over_remaining"));
  assert.equal(gate.state().unsent, 1);
});

test("a forged pass admits nobody offline, and one that a scanner read badly is scanned again", async () => {
  const { gate } = await offlineGate();
  assert.equal((await gate.scan(await forgedTokenOf(pass()), "entry")).outcome, "bad_signature");
  assert.equal((await gate.scan(TOKEN.slice(0, -9), "entry")).outcome, "unreadable");
  await assert.rejects(gate.admit(RIGHT), problem("no_preview"));
});

test("a pass that the list does not have is admitted by its token, and a supervisor is called", async () => {
  const { gate } = await offlineGate();
  const shown = await gate.scan(await tokenOf(pass({ pass: OTHER })), "entry");
  assert.deepEqual([shown.outcome, shown.nameLatin, shown.callSupervisor], ["admit", undefined, true]);
  await assert.rejects(gate.admit(SEEN), problem("id_type_not_chosen"));
  await assert.rejects(gate.admit(RIGHT), problem("supervisor_missing"));
  const agreed = { login: "SEC-0009", pin: PIN, reason: "known" };
  assert.deepEqual((await gate.admit(RIGHT, undefined, agreed)).marks, ["id_unchecked"]);
  assert.equal((await gate.scan(await tokenOf(pass({ pass: OTHER })), "entry")).outcome, "already_inside");
});

test("a pass that was revoked after the manifest was made is refused by the signed list", async () => {
  const { gate, server } = await openGate();
  server.now += MINUTE;
  server.revoked = [NUMBER, OTHER];
  await gate.refresh();
  server.down = true;
  assert.equal((await gate.scan(TOKEN, "entry")).outcome, "revoked");
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
  assert.equal((await gate.scan(await tokenOf(pass({ pass: OTHER })), "entry")).outcome, "revoked");
});

test("an exit is never refused: revoked, unknown, without a key, without a session", async () => {
  const { gate, server } = await openGate();
  server.revoked = [NUMBER];
  server.now += MINUTE;
  await gate.refresh();
  server.down = true;
  const revoked = await gate.scan(TOKEN, "exit");
  assert.deepEqual(
    [revoked.outcome, revoked.marks, revoked.recorded],
    ["exit", ["revoked", "no_entry"], true],
  );
  assert.equal((await gate.scan(OTHER, "exit")).outcome, "exit");
  server.now = server.until;
  const without = await gate.scan(TOKEN, "exit");
  assert.deepEqual([without.outcome, without.recorded, gate.state().signedIn], ["exit", true, false]);
  assert.equal(gate.state().unsent, 3);
});

for (const status of [401, 403, 404, 422, 429]) {
  test(`an exit that the gateway answers with ${status} is recorded here`, async () => {
    const { gate, server } = await openGate();
    server.status = status;
    const shown = await gate.scan(TOKEN, "exit");
    assert.deepEqual([shown.outcome, shown.recorded, gate.state().unsent], ["exit", true, 1]);
  });
}

test("trust follows the age of the list: green, amber, then as the site chose", async () => {
  for (const then of ["refuse", "supervisor"] as const) {
    const server = new Server();
    server.manifest = { offline: { green_s: 900, amber_s: 14_400, then } };
    server.passes = new Map([[NUMBER, pass({ valid_to: "2026-12-01T18:00:00Z" })]]);
    const { gate } = await offlineGate(server);
    const trustAt = async (seconds: number) => {
      server.now = NOON + seconds * 1000;
      return (await gate.scan(NUMBER, "entry")).trust;
    };
    assert.deepEqual(
      [await trustAt(900), await trustAt(901), await trustAt(14_400)],
      ["green", "amber", "amber"],
    );
    assert.equal(await trustAt(14_401), then === "refuse" ? "refused" : "supervisor");
    await assert.rejects(
      gate.admit(RIGHT),
      problem(then === "refuse" ? "list_too_old" : "supervisor_missing"),
    );
    assert.equal(gate.state().unsent, 0);
    const agreed = gate.admit(RIGHT, 2, { login: "SEC-0009", pin: PIN, reason: "known to the office" });
    if (then === "refuse") await assert.rejects(agreed, problem("list_too_old"));
    else assert.equal((await agreed).outcome, "admit");
  }
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

test("a typed number whose message reached nobody says so, with a network and without, and admits", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ undelivered: true }));
  const { gate } = await openGate(server);
  for (const down of [false, true]) {
    server.down = down;
    const typed = await gate.scan(NUMBER, "entry");
    assert.deepEqual([typed.outcome, typed.offline, typed.undelivered], ["admit", down, true]);
    const scanned = await gate.scan(TOKEN, "entry");
    assert.deepEqual([scanned.outcome, scanned.undelivered], ["admit", false], "who shows a QR code has it");
  }
});

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

test("the app proves a PIN as the server does", async () => {
  const key = await deriveKey(crypto.subtle, PIN, SUPERVISOR);
  assert.equal(await isKeyOf(crypto.subtle, key, SUPERVISOR), true);
  const proof = await prove(crypto.subtle, key, "nonce-1", NUMBER);
  assert.equal(proof, "sTmZeHZj6xGlSHwul5idX9CdJyFr8KhzbPSuoMbeT30");
  assert.equal(await isKeyOf(crypto.subtle, await deriveKey(crypto.subtle, "481517", SUPERVISOR), SUPERVISOR), false);
  assert.deepEqual(["४८१५१६", " 481516 ", "48151", "48151a", "4815162"].map(readPin), [PIN, PIN, null, null, null]);
});

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

test("a list that is rolled back, from the future or not ours is refused", async () => {
  const { gate, server } = await openGate();
  server.now += 10 * MINUTE;
  server.revoked = [NUMBER];
  await gate.refresh();
  const old = await statusList(NOON);
  const future = await statusList(server.now + 2 * MINUTE);
  server.now += 10_000;
  for (const [jws, expected] of [
    [old, "rolled_back"],
    [future, "future"],
    [`${old}x`, "forged"],
  ] as const) {
    server.statusJws = jws;
    await gate.refresh();
    assert.equal(gate.state().listProblem, expected);
  }
  server.statusJws = null;
  server.manifest = { made_at: new Date(NOON).toISOString() };
  await gate.chooseGate(GATE);
  await gate.refresh();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
});

test("a login of no gate chooses one first", async () => {
  const server = new Server();
  server.gate = null;
  const { gate } = await openGate(server);
  await assert.rejects(gate.scan(NUMBER, "entry"), problem("no_gate"));
  assert.deepEqual(gate.state().gates, [GATE, "PCS1-G2"]);
  await gate.chooseGate("PCS1-G2");
  await gate.refresh();
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "admit");
});

test("who is inside is known offline, and how surely", async () => {
  const server = new Server();
  const inside = { inside: 1, admitted: 1, inside_since: "2026-12-01T06:00:00Z" };
  server.passes.set(OTHER, pass({ pass: OTHER, ...inside, last_gate: "PCS1-G2" }));
  const { gate } = await offlineGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  const found = async () => (await gate.inside()).entries.map((one) => [one.pass, one.inside, one.certainty]);
  assert.deepEqual(await found(), [
    [OTHER, 1, "offline"],
    [NUMBER, 2, "here"],
  ]);
  server.now = Date.parse("2026-12-01T08:30:00Z");
  assert.deepEqual(await found(), [
    [OTHER, 1, "overdue"],
    [NUMBER, 2, "overdue"],
  ]);
});

test("a gate that was never online admits nobody, and says so", async () => {
  const server = new Server();
  server.down = true;
  const { gate } = await openGate(server);
  await gate.chooseGate(GATE);
  await assert.rejects(gate.scan(TOKEN, "entry"), problem("signed_out"));
  assert.deepEqual([gate.state().trust, gate.state().listAgeS], ["refused", null]);
});

test("after the session's end a genuine pass is no bad one: nobody is signed in, and exits go on", async () => {
  const { gate, server } = await offlineGate();
  await gate.scan(NUMBER, "entry");
  server.now = server.until - 20 * MINUTE;
  assert.equal(gate.state().endsS, 20 * 60, "the guard can be told before");
  server.now = server.until;
  for (const what of [TOKEN, NUMBER, "7K3M9QW4"]) {
    await assert.rejects(gate.scan(what, "entry"), problem("signed_out"));
  }
  assert.deepEqual([(await gate.scan(TOKEN, "exit")).outcome, gate.state().endsS], ["exit", null]);
});

test("without a network a guard signs out only if they are sure: nobody could go in after it", async () => {
  const { gate, server } = await offlineGate();
  await assert.rejects(gate.signOut(), problem("sign_out_offline")); // it finds out by itself that nobody answers
  assert.equal(gate.state().signedIn, true);
  assert.equal((await gate.scan(TOKEN, "entry")).outcome, "admit");
  await gate.signOut(true);
  assert.equal(gate.state().signedIn, false);
  await assert.rejects(gate.scan(TOKEN, "entry"), problem("signed_out"));
  gate.close();
  assert.equal(server.signedIn, true);
});

test("a gate that lost the network before its first list says so, and calls no pass bad", async () => {
  const server = new Server();
  server.before = (path) => {
    server.down = path === "/api/v1/gate/manifest";
  };
  const { gate } = await openGate(server);
  server.before = () => {};
  server.down = true;
  for (const what of [TOKEN, NUMBER]) await assert.rejects(gate.scan(what, "entry"), problem("no_list"));
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

test("who was found at an evacuation is known after a restart, and no more after the session", async () => {
  const { gate, device, server } = await offlineGate();
  const tick = { pass: NUMBER, since: null, inside: 2, at: new Date(NOON).toISOString() };
  await gate.noteFound([tick]);
  device.kill();
  const again = await device.open();
  assert.deepEqual(await again.found(), [tick]);
  server.now = server.until;
  await assert.rejects(again.scan(NUMBER, "entry"), problem("signed_out"));
  assert.deepEqual(await again.found(), []);
});

test("what another gate records is known here, and also when the network goes", async () => {
  const { gate, server, device } = await openGate();
  const other: Movement = {
    nonce: "of-gate-2",
    pass: NUMBER,
    gate: "PCS1-G2",
    verdict: "admit",
    count: 2,
    inside: 2,
    at: new Date(NOON).toISOString(),
    timeline: 1,
    transaction: 200,
  };
  await gate.hear(other);
  await gate.hear({ ...other, nonce: "of-nobody", pass: OTHER });
  server.down = true;
  const shown = await gate.scan(NUMBER, "entry");
  assert.deepEqual([shown.outcome, shown.insideGate], ["already_inside", "PCS1-G2"]);
  device.kill();
  assert.equal((await (await device.open()).scan(NUMBER, "entry")).outcome, "already_inside");
});

test("a movement that is told twice, or is in the manifest already, counts once", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 3 }));
  const { gate } = await openGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT, 1);
  const [nonce = ""] = server.recorded.keys();
  const own: Movement = {
    nonce,
    pass: NUMBER,
    gate: GATE,
    verdict: "admit",
    count: 1,
    inside: 1,
    at: new Date(NOON).toISOString(),
    timeline: 1,
    transaction: 200,
  };
  const mayEnter = async () => {
    server.down = true;
    const shown = await gate.scan(NUMBER, "entry");
    server.down = false;
    return shown.mayEnter;
  };
  await gate.hear(own);
  assert.equal(await mayEnter(), 2);
  server.now += 6 * MINUTE;
  server.ended = 300;
  await gate.refresh(); // now it is in the manifest
  await gate.hear({ ...own, transaction: null });
  await gate.hear({ ...own, nonce: "before-the-manifest" });
  assert.equal(await mayEnter(), 2);
});

for (const [whose, changes] of [
  ["of a server whose clock is minutes behind that of the manifest's", { transaction: 200 }],
  ["of a standby that was promoted without the last transactions", { timeline: 2, transaction: 50 }],
] as const) {
  test(`a movement ${whose} counts, and one that is in the manifest does not count again`, async () => {
    const server = new Server();
    server.passes.set(OTHER, pass({ pass: OTHER, inside: 2, admitted: 2, last_gate: "PCS1-G2" }));
    const { gate } = await openGate(server);
    const at = new Date(server.now - 5 * MINUTE).toISOString();
    const told = { gate: "PCS1-G2", verdict: "admit", count: 2, inside: 2, at, recorded_at: at, timeline: 1, transaction: 50 } as const;
    await gate.hear({ ...told, ...changes, nonce: "new", pass: NUMBER });
    await gate.hear({ ...told, nonce: "old", pass: OTHER });
    server.down = true;
    const inside = (await gate.inside()).entries.map((one) => [one.pass, one.inside]);
    assert.deepEqual(inside.sort(), [[NUMBER, 2], [OTHER, 2]]);
    assert.equal((await gate.scan(NUMBER, "entry")).outcome, "already_inside");
  });
}

test("a movement around the time of a manifest counts once, whether the manifest has it or not", async () => {
  const told = (nonce: string, count: number, inside: number, transaction: number): Movement => {
    const at = new Date(NOON).toISOString();
    return { nonce, pass: OTHER, gate: "PCS1-G2", verdict: "admit", count, inside, at, timeline: 1, transaction };
  };
  const server = new Server();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  const { gate, device } = await openGate(server);
  // Begun before the manifest was made, and committed after its passes were read.
  await gate.hear(told("late", 2, 2, 105));
  server.down = true;
  assert.equal((await gate.scan(OTHER, "entry")).outcome, "already_inside");
  device.kill();

  const other = new Server();
  other.passes.set(OTHER, pass({ pass: OTHER }));
  let pages = 0;
  other.before = (path) => {
    if (path === "/api/v1/gate/manifest") pages += 1;
    if (pages !== 2) return;
    other.ended += 100; // the line is slow; one of the two comes in meanwhile
    other.passes.set(OTHER, pass({ pass: OTHER, inside: 1, admitted: 1, last_gate: "PCS1-G2" }));
    pages += 1;
  };
  const slow = await openGate(other);
  await slow.gate.hear(told("between-pages", 1, 1, 150));
  other.down = true;
  const shown = await slow.gate.scan(OTHER, "entry");
  assert.deepEqual([shown.outcome, shown.mayEnter], ["admit", 1]);
});

test("a movement of which nobody can tell whether the manifest has it is asked for at once", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 5, inside: 1, admitted: 1, last_gate: "PCS1-G2" }));
  const { gate } = await openGate(server);
  const at = new Date(server.now - 1000).toISOString();
  const told = { pass: NUMBER, gate: "PCS1-G2", verdict: "admit", count: 1, inside: 4, at, timeline: 1, transaction: 105 } as const;
  await gate.hear({ nonce: "of-gate-2", ...told });
  server.passes.set(NUMBER, pass({ party: 5, inside: 4, admitted: 4, last_gate: "PCS1-G2" }));
  await gate.refresh();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).mayEnter, 1);
});

test("news of an own scan that comes before its answer counts once, and refuses nobody", async () => {
  for (const isLost of [false, true]) {
    const server = new Server();
    server.passes.set(NUMBER, pass({ party: 3 }));
    const { gate } = await openGate(server);
    await gate.scan(NUMBER, "entry");
    server.before = async (path, body) => {
      if (path !== "/api/v1/scans") return;
      const { nonce } = JSON.parse(String(body)) as { nonce: string };
      const at = new Date(NOON).toISOString();
      await gate.hear({ nonce, pass: NUMBER, gate: GATE, verdict: "admit", count: 2, inside: 2, at });
    };
    if (isLost) server.loseAnswers.add("/api/v1/scans");
    const shown = await gate.admit(RIGHT, 2);
    assert.deepEqual([shown.outcome, shown.inside, shown.offline], ["admit", 2, isLost]);
    server.down = true;
    assert.equal((await gate.scan(NUMBER, "entry")).mayEnter, 1);
  }
});

test("what is told of a pass does not undo what this gate has not sent yet", async () => {
  const server = new Server();
  server.passes.set(NUMBER, pass({ party: 3 }));
  const { gate } = await offlineGate(server);
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT, 1);
  const at = new Date(NOON + 1000).toISOString();
  const other = {
    nonce: "of-gate-2",
    pass: NUMBER,
    gate: "PCS1-G2",
    verdict: "admit",
    count: 1,
    inside: 1,
  } as const;
  await gate.hear({ ...other, at, timeline: 1, transaction: 200 });
  const shown = await gate.scan(NUMBER, "entry");
  assert.deepEqual([shown.mayEnter, shown.inside], [1, 2]);
});

test("a newer list of revoked passes is fetched as soon as it is told of", async () => {
  const { gate, server } = await openGate();
  server.now += 1000;
  server.revoked = [NUMBER];
  await gate.hearStatus();
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
});

test("a manifest is fetched at once where movements may have been missed", async () => {
  const { gate, server } = await openGate();
  server.passes.set(OTHER, pass({ pass: OTHER }));
  await gate.refresh();
  assert.equal(gate.state().passes, 1, "it is not due yet");
  await gate.hearReload();
  assert.equal(gate.state().passes, 2);
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

test("a tablet of a login without a gate can be moved, and keeps no gate of another site", async () => {
  const server = new Server();
  server.gate = null;
  const { gate } = await openGate(server);
  assert.equal(gate.state().choosesGate, true);
  await gate.chooseGate("PCS2-G1");
  await gate.refresh();
  assert.equal(gate.state().gate, null);
  server.gate = GATE;
  await gate.refresh();
  assert.deepEqual([gate.state().gate, gate.state().choosesGate], [GATE, false]);
});

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
