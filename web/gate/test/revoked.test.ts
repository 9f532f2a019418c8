// The list of revoked passes by deltas: contracts/samples/status_deltas.json is issuance's own table.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { digestOf } from "../core/digest.ts";
import { ListRefused } from "../core/refusals.ts";
import { RevokedList, applyDelta } from "../core/revoked.ts";
import type { HeldStatus } from "../core/revoked.ts";
import { Store } from "../core/store.ts";
import { importKeys } from "../core/tokens.ts";
import type { Keys, StatusDeltaClaims } from "../core/tokens.ts";
import {
  Device,
  ISSUER,
  KEY,
  MINUTE,
  NOON,
  NUMBER,
  OTHER,
  Server,
  forgedStatusDelta,
  openGate,
  statusDelta,
  statusList,
} from "./server.ts";
import { sample } from "./support.ts";

interface List {
  seq: number;
  digest: string;
  revoked: string[];
}

interface History {
  lists: List[];
  deltas: Omit<StatusDeltaClaims, "iat" | "seq">[];
  /** By what a gate holds: `whole`, the number of a delta, or null where it holds the newest. */
  answers: Record<string, string | null>;
}

const TABLE = sample<History[]>("status_deltas.json");

function held(list: List): HeldStatus {
  return { iat: 0, ...list };
}

function newestOf(history: History): List {
  const newest = history.lists.at(-1);
  assert.ok(newest);
  return newest;
}

/** Return a delta of the table with the number of the list that it makes. */
function claims(history: History, at: number): StatusDeltaClaims {
  const delta = history.deltas[at];
  assert.ok(delta);
  return { iat: 1, seq: newestOf(history).seq, ...delta };
}

function refused(problem: string): (error: unknown) => boolean {
  return (error) => error instanceof ListRefused && error.problem === problem;
}

const sorted = (one: HeldStatus | null): string[] => [...(one?.revoked ?? [])].sort();

test("each answer of the table makes the newest list of the one that is held", async () => {
  let applied = 0;
  for (const history of TABLE) {
    const newest = newestOf(history);
    for (const list of history.lists) {
      const mark = `${list.seq}.${await digestOf(list.revoked)}`;
      assert.ok(mark in history.answers, "server and gate compute the same digest");
      const answer = history.answers[mark] ?? null;
      if (answer === null) assert.equal(list.seq, newest.seq);
      if (answer === null || answer === "whole") continue;
      const made = await applyDelta(held(list), claims(history, Number(answer)));
      assert.deepEqual([sorted(made), made.seq, made.digest], [newest.revoked, newest.seq, newest.digest]);
      applied += 1;
    }
  }
  assert.ok(applied > 50);
});

test("a delta makes the newest list of every list of its range, and is refused on any other", async () => {
  let refusals = 0;
  for (const history of TABLE) {
    for (let at = 0; at < history.deltas.length; at += 1) {
      const delta = claims(history, at);
      for (const list of history.lists) {
        const isFitting = list.seq >= delta.since && list.seq < delta.seq;
        if (isFitting) assert.deepEqual(sorted(await applyDelta(held(list), delta)), newestOf(history).revoked);
        else {
          await assert.rejects(applyDelta(held(list), delta), refused("other_base"));
          refusals += 1;
        }
      }
    }
  }
  assert.ok(refusals > 50);
});

test("a delta to the list of another history is refused, whatever its number", async () => {
  for (const [at, history] of TABLE.entries()) {
    const other = TABLE[(at + 1) % TABLE.length] ?? history;
    for (const index of history.deltas.keys()) {
      const delta = claims(history, index);
      const list = newestOf(other);
      if (list.digest === delta.digest || list.digest === delta.base) continue;
      for (const seq of [delta.since, delta.seq - 1]) {
        await assert.rejects(applyDelta({ ...held(list), seq }, delta), refused("other_base"));
      }
    }
  }
});

const LISTED = [OTHER];
const NEXT = { seq: 2, since: 1, base: "", digest: "", revoked: [NUMBER], ended: [] };

/** Return a list that holds one number, and the keys by which it was checked. */
async function heldList(): Promise<{ list: RevokedList; keys: Keys; next: typeof NEXT }> {
  const [list, keys] = [new RevokedList(), await importKeys([KEY], [])];
  await list.take(await statusList(NOON, LISTED), keys, ISSUER, NOON);
  const next = { ...NEXT, base: await digestOf(LISTED), digest: await digestOf([...LISTED, NUMBER]) };
  return { list, keys, next };
}

test("a signed delta is taken: its numbers are on the list, and the list is as young as the delta", async () => {
  const { list, keys, next } = await heldList();
  assert.equal(await list.take(await statusDelta(NOON + MINUTE, next), keys, ISSUER, NOON + MINUTE), true);
  assert.deepEqual([list.has(NUMBER), list.has(OTHER), list.signedMs], [true, true, NOON + MINUTE]);
  const same = { ...next, seq: 3, since: 2, base: next.digest, revoked: [], ended: [] };
  assert.equal(await list.take(await statusDelta(NOON + 2 * MINUTE, same), keys, ISSUER, NOON + 2 * MINUTE), true);
  assert.deepEqual([list.has(NUMBER), list.signedMs], [true, NOON + 2 * MINUTE]);
});

const BAD: [string, string, (next: typeof NEXT) => Promise<string>][] = [
  ["that somebody else signed", "forged", (next) => forgedStatusDelta(NOON + MINUTE, next)],
  ["that nobody signed", "forged", async (next) => `${(await statusDelta(NOON + MINUTE, next)).slice(0, -9)}AAAAAAAAA`],
  ["without a base", "forged", (next) => statusDelta(NOON + MINUTE, { ...next, base: undefined as never })],
  ["from the future", "future", (next) => statusDelta(NOON + 3 * MINUTE, next)],
  ["that is older than the list", "rolled_back", (next) => statusDelta(NOON - 2 * MINUTE, next)],
  ["to another list of the same number", "other_base", (next) => statusDelta(NOON + MINUTE, { ...next, base: "0" })],
  ["to a newer list", "other_base", (next) => statusDelta(NOON + MINUTE, { ...next, seq: 3, since: 2 })],
  ["to itself", "other_base", (next) => statusDelta(NOON + MINUTE, { ...next, seq: 1, since: 0 })],
  ["that makes another list than it says", "other_base", (next) => statusDelta(NOON + MINUTE, { ...next, revoked: [] })],
];
for (const [what, problem, make] of BAD) {
  test(`a delta ${what} is refused, and the held list stays`, async () => {
    const { list, keys, next } = await heldList();
    const before = list.held;
    await assert.rejects(list.take(await make(next), keys, ISSUER, NOON + MINUTE), refused(problem));
    assert.deepEqual([list.held, list.has(NUMBER)], [before, false]);
  });
}

test("a delta that was taken changes nothing when it comes again", async () => {
  const { list, keys, next } = await heldList();
  const jws = await statusDelta(NOON + MINUTE, next);
  assert.equal(await list.take(jws, keys, ISSUER, NOON + MINUTE), true);
  assert.equal(await list.take(jws, keys, ISSUER, NOON + MINUTE), false);
});

test("a gate fetches the whole list once, then what has changed, and nothing where it holds the newest", async () => {
  const { gate, server } = await openGate();
  const begun = server.lists.length;
  await gate.hearStatus();
  server.now += 10_000;
  server.revoked = [NUMBER];
  await gate.hearStatus();
  server.now += 10_000;
  await gate.hearStatus();
  assert.deepEqual(server.lists.slice(begun), ["none", "delta", "delta"]);
  assert.deepEqual([gate.state().listAgeS, gate.state().listProblem], [0, null]);
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
});

test("a round asks for the list when a newer one may be signed, and not what the news have just brought", async () => {
  const { gate, server } = await openGate();
  const begun = server.lists.length;
  server.now += 9_999;
  await gate.refresh();
  assert.deepEqual(server.lists.slice(begun), []);
  server.now += 1;
  await gate.refresh();
  assert.deepEqual(server.lists.slice(begun), ["delta"]);
});

const SPOILT: [string, (delta: Omit<StatusDeltaClaims, "iat">, iat: number) => Promise<string>][] = [
  ["forged", (delta, iat) => forgedStatusDelta(iat, delta)],
  ["to another list", (delta, iat) => statusDelta(iat, { ...delta, base: "0".repeat(32) })],
  ["that makes another list than it says", (delta, iat) => statusDelta(iat, { ...delta, digest: "0".repeat(32) })],
  ["from the future", (delta, iat) => statusDelta(iat + 10 * MINUTE, delta)],
];
for (const [what, spoil] of SPOILT) {
  test(`after a delta ${what} the gate fetches the whole list, once each time`, async () => {
    const { gate, server } = await openGate();
    const begun = server.lists.length;
    server.spoil = spoil;
    server.revoked = [NUMBER];
    for (let times = 0; times < 2; times += 1) {
      server.now += 10_000;
      await gate.hearStatus();
    }
    assert.deepEqual(server.lists.slice(begun), ["delta", "whole", "delta", "whole"]);
    assert.deepEqual([gate.state().listAgeS, gate.state().listProblem], [0, null]);
    server.down = true;
    assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
  });
}

test("a list that came by deltas is there after a crash, with its age, and goes on by deltas", async () => {
  const device = new Device(new Server());
  const gate = await device.open();
  await gate.refresh();
  const { server } = device;
  server.now += 10_000;
  server.revoked = [NUMBER];
  await gate.hearStatus();
  device.kill();
  server.now += 10_000;
  const again = await device.open();
  assert.equal(again.state().listAgeS, 10);
  server.down = true;
  assert.equal((await again.scan(NUMBER, "entry")).outcome, "revoked");
  server.down = false;
  const begun = server.lists.length;
  await again.hearStatus();
  assert.deepEqual(server.lists.slice(begun), ["delta"]);
});

test("a stored list from which somebody has taken a pass off is not taken", async () => {
  const device = new Device(new Server());
  const gate = await device.open();
  await gate.refresh();
  device.server.now += 10_000;
  device.server.revoked = [NUMBER];
  await gate.hearStatus();
  device.kill();
  const db = await device.raw();
  const stored = db.transaction("manifest", "readwrite").objectStore("manifest");
  const bytes = new Uint8Array(64);
  stored.put({ iv: bytes.slice(0, 12), data: bytes.buffer }, "status");
  await new Promise((resolve) => (stored.transaction.oncomplete = resolve));
  db.close();
  const again = await device.open();
  assert.equal(again.state().listAgeS, 10, "that of the manifest, which is older");
});

test("a list that could not be stored is stored in the next round", async () => {
  const device = new Device(new Server());
  const gate = await device.open();
  await gate.refresh();
  const { server } = device;
  const full = mock.method(Store.prototype, "saveStatus", async () => {
    throw new DOMException("full", "QuotaExceededError");
  });
  server.now += 10_000;
  server.revoked = [NUMBER];
  await gate.hearStatus();
  full.mock.restore();
  server.now += 10_000;
  await gate.hearStatus();
  device.kill();
  server.down = true;
  const again = await device.open();
  assert.equal(again.state().listAgeS, 0);
  assert.equal((await again.scan(NUMBER, "entry")).outcome, "revoked");
});
