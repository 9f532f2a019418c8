// The gate finds the pass behind a scan as verify does: contracts/samples/gate_finds.json is shared with it.
//
// Where the app says something else, since it holds less than verify knows, the table names the reason.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readScanned } from "../core/identity.ts";
import { find, identify } from "../core/lookup.ts";
import { isUnvouched, Manifest } from "../core/manifest.ts";
import type { WireManifest, WirePass } from "../core/manifest.ts";
import type { Direction } from "../core/model.ts";
import { makeRequest } from "../core/requests.ts";
import { showDecision } from "../core/shown.ts";
import { decideEntry, decideExit } from "../core/verdicts.ts";
import { sample } from "./support.ts";

interface Said {
  verdict: string;
  marks: string[];
  supervisor: boolean;
}

interface Table {
  issuer: string;
  keys: { kid: string; x: string }[];
  gate: string;
  at: string;
  status_list: string;
  manifest: Partial<WirePass>[];
  cases: { name: string; shown: string; direction: Direction; verify: Said; app: Said; differs: string | null }[];
}

const TABLE = sample<Table>("gate_finds.json");
const AT = Date.parse(TABLE.at);
const FOOTING = { offline: true, ageS: 0, trust: "green" as const };
const NO_NAMES = { sites: {}, gates: {}, departments: {}, officers: {} };

/** Return what the gate holds. */
async function heldManifest(): Promise<Manifest> {
  const passes = TABLE.manifest.map((one) => ({
    id_commitments: [], commitment_key: "", applicant: null, companions: [], department: null, officer: null,
    inside_since: null, last_gate: null, vehicle: null, vehicle_allowed: false, assistance: null, ...one,
  })) as WirePass[];
  const page: WireManifest = {
    gate: TABLE.gate, site: "PCS1", gates: [TABLE.gate, "PCS1-G2"], made_at: TABLE.at, issuer: TABLE.issuer,
    keys: TABLE.keys, withdrawn: [], status_list: TABLE.status_list, complete_at: TABLE.at,
    offline: { green_s: 900, amber_s: 14_400, then: "refuse" }, passes, next: null,
    telephones: { reception: "", security: "" }, supervisors: [], supervisor_demanded: false, snapshot: null,
  };
  const manifest = new Manifest();
  await manifest.replace([page], TABLE.gate, AT, new Set());
  return manifest;
}

/** Return what the gate says of a scan by itself. */
async function said(manifest: Manifest, shown: string, direction: Direction): Promise<Said> {
  const nothing = { marks: [], supervisor: false };
  const scanned = readScanned(shown);
  if (scanned === null) return { verdict: "unreadable", ...nothing };
  const found = await find(manifest, scanned, direction);
  if (!("held" in found)) return { verdict: found.outcome, ...nothing };
  const attempt = { gate: TABLE.gate, at: AT, count: null, identified: true, marks: [], freshUntil: null, compared: true };
  const { held } = found;
  const decided = direction === "entry" ? decideEntry(held.standing, attempt) : decideExit(held.standing, attempt);
  const request = makeRequest("nonce", TABLE.at, scanned, TABLE.gate, direction, null, null);
  const drawn = showDecision(held, decided, request, direction === "entry", NO_NAMES, FOOTING);
  const supervisor = drawn.callSupervisor && drawn.outcome === "admit";
  return { verdict: decided.verdict, marks: [...decided.marks], supervisor };
}

test("the gate says of each scan of the shared table what verify says, or what the table names", async () => {
  const manifest = await heldManifest();
  assert.ok(TABLE.cases.length >= 90);
  for (const { name, shown, direction, app } of TABLE.cases) {
    assert.deepEqual(await said(manifest, shown, direction), app, name);
  }
});

test("a pass that verify knows by its token alone is vouched for by nobody, also where it is listed", async () => {
  const manifest = await heldManifest();
  const unvouched = TABLE.manifest.filter((one) => one.reference === null).map((one) => one.pass ?? "");
  assert.ok(unvouched.length > 0);
  for (const { pass = "" } of TABLE.manifest) {
    const held = manifest.find(pass);
    assert.ok(held !== null);
    assert.equal(isUnvouched(held), unvouched.includes(pass), pass);
  }
});

test("an ID counts as compared only where this gate holds something to compare it with", async () => {
  const manifest = await heldManifest();
  const listed = manifest.find(TABLE.manifest[0]?.pass ?? "");
  assert.ok(listed !== null && listed.wire !== null);
  const keyed = { ...listed, wire: { ...listed.wire, commitment_key: Buffer.alloc(32).toString("base64url") } };
  const matched = { kind: "matched" as const, id_type: "voter_id" as const, id_last4: "4821" };
  const seen = { kind: "seen" as const, id_type: "voter_id" as const };
  const { subtle } = globalThis.crypto;
  for (const held of [listed, { ...listed, wire: null }]) {
    const looked = await identify(subtle, held, null, matched);
    assert.deepEqual(looked, { identified: true, compared: false, marks: ["id_unchecked"] });
  }
  assert.deepEqual(await identify(subtle, keyed, null, matched), { identified: false, compared: true, marks: [] });
  assert.equal((await identify(subtle, keyed, null, seen)).compared, false);
});
