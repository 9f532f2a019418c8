// Which lists the gate takes, and how old it says they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Manifest, trustOf } from "../core/manifest.ts";
import type { WireManifest } from "../core/manifest.ts";
import { ListRefused } from "../core/refusals.ts";
import { readPass } from "../core/tokens.ts";
import {
  GATE,
  KEY,
  MINUTE,
  NOON,
  NUMBER,
  Server,
  forgedStatusList,
  pass,
  statusList,
  tokenOf,
} from "./server.ts";

const NOTHING_BEFORE: ReadonlySet<string> = new Set();

/** Return a page of a manifest that was made at an instant. */
async function page(at: number, changes: Partial<WireManifest> = {}): Promise<WireManifest> {
  const server = new Server();
  server.now = at;
  return { ...(await server.page(new URLSearchParams({ gate: GATE }))), ...changes };
}

/** Return a manifest that was fetched at noon. */
async function held(): Promise<Manifest> {
  const manifest = new Manifest();
  await manifest.replace([await page(NOON)], GATE, NOON, NOTHING_BEFORE);
  return manifest;
}

function refused(problem: string): (error: unknown) => boolean {
  return (error) => error instanceof ListRefused && error.problem === problem;
}

const BAD: [string, string, () => Promise<WireManifest>][] = [
  ["from the future", "future", () => page(NOON + 61 * MINUTE + 1000, { status_list: null })],
  ["without a time", "future", () => page(NOON, { made_at: "" })],
  ["older than the held one", "rolled_back", () => page(NOON - MINUTE - 1000)],
  ["of another gate", "other_gate", () => page(NOON, { gate: "PCS1-G2" })],
  [
    "with a list that is not ours",
    "forged",
    async () => page(NOON, { status_list: await forgedStatusList(NOON) }),
  ],
  ["with a list that nobody signed", "forged", () => page(NOON, { status_list: "e30.e30." })],
  [
    "with a pass in place of the list",
    "forged",
    async () => page(NOON, { status_list: await tokenOf(pass()) }),
  ],
  [
    "with a list from the future",
    "future",
    async () => page(NOON, { status_list: await statusList(NOON + 62 * MINUTE) }),
  ],
];
for (const [what, problem, make] of BAD) {
  test(`a manifest ${what} is refused, and the held one stays`, async () => {
    const manifest = await held();
    await assert.rejects(
      manifest.replace([await make()], GATE, NOON + 60 * MINUTE, NOTHING_BEFORE),
      refused(problem),
    );
    assert.equal(manifest.whole?.made_at, new Date(NOON).toISOString());
    assert.ok(manifest.find(NUMBER));
  });
}

test("a list is not refused for the small differences between the server's processes", async () => {
  const manifest = await held();
  assert.equal(await manifest.takeStatus(await statusList(NOON - MINUTE, [NUMBER]), NOON), false);
  assert.equal(manifest.find(NUMBER)?.standing.revoked, false);
  assert.equal(await manifest.takeStatus(await statusList(NOON + MINUTE, [NUMBER]), NOON), true);
  assert.equal(manifest.find(NUMBER)?.standing.revoked, true);
});

test("a key that the manifest withdraws ends here, and a new one is taken", async () => {
  const manifest = await held();
  const token = await tokenOf(pass());
  assert.ok("claims" in (await readPass(token, manifest.keys, manifest.issuer)));
  const withdrawn = await page(NOON + MINUTE, { keys: [], withdrawn: [KEY.kid], status_list: null });
  await manifest.replace([withdrawn], GATE, NOON + MINUTE, NOTHING_BEFORE);
  assert.deepEqual(await readPass(token, manifest.keys, manifest.issuer), { refused: "bad_signature" });
  await manifest.replace([await page(NOON + 2 * MINUTE)], GATE, NOON + 2 * MINUTE, NOTHING_BEFORE);
  assert.ok("claims" in (await readPass(token, manifest.keys, manifest.issuer)));
});

test("a manifest with a key that is none is not taken", async () => {
  const manifest = await held();
  const bad = await page(NOON, { keys: [{ kid: "k2", x: "AAAA" }] });
  await assert.rejects(manifest.replace([bad], GATE, NOON, NOTHING_BEFORE));
  assert.equal(manifest.keys.good.has(KEY.kid), true);
});

test("the age is that of the newest of both lists, and never negative", async () => {
  const manifest = await held();
  assert.equal(manifest.ageS(NOON + 90_500), 90);
  await manifest.takeStatus(await statusList(NOON + MINUTE), NOON + MINUTE);
  assert.deepEqual([manifest.ageS(NOON + 90_500), manifest.ageS(NOON)], [30, 0]);
  assert.equal(new Manifest().ageS(NOON), null);
});

test("without a list nobody is admitted, whatever the site chose", () => {
  const policy = { green_s: 900, amber_s: 14_400, then: "supervisor" } as const;
  assert.deepEqual([trustOf(null, policy), trustOf(14_401, policy)], ["refused", "supervisor"]);
});
