// A server for tests: it answers the gate's requests from memory, and decides by the shared rules.
import "fake-indexeddb/auto";
import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from "jose";
import { digestOf } from "../core/digest.ts";
import { Gate } from "../core/gate.ts";
import { standingOf } from "../core/manifest.ts";
import type { WireManifest, WirePass } from "../core/manifest.ts";
import type { WireSupervisorKey } from "../core/pin.ts";
import type { StatusDeltaClaims } from "../core/tokens.ts";
import type { QueuedScan, WireInside, WireScan } from "../core/wire.ts";
import { Store } from "../core/store.ts";
import { decideEntry, decideExit, standingAfter } from "../core/verdicts.ts";
import type { Decision } from "../core/verdicts.ts";

export const ISSUER = "epass.example";
export const GATE = "PCS1-G1";
export const NOON = Date.parse("2026-12-01T06:30:00Z");
export const MINUTE = 60_000;
export const CODE = "GAT-7K3M9Q-k7fm-w3pa-xq9t";
export const NUMBER = "7K3M9QW3";
export const OTHER = "AB3D5FGM";
const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
const STRANGER = await generateKeyPair("EdDSA", { crv: "Ed25519" });
export const KEY = { kid: "k1", x: (await exportJWK(publicKey)).x ?? "" };
export const COMMITMENT_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/** Of a voter ID that ends in 4821, under that key: made by contracts/commitment.py. */
export const COMMITMENT = "Lbtz8aHwrGQ";

export function pass(changes: Partial<WirePass> = {}): WirePass {
  return {
    pass: NUMBER,
    reference: "PCS-AB3D-5FGM",
    site: "PCS1",
    gate: null,
    party: 2,
    entries: 1,
    valid_from: "2026-12-01T04:30:00Z",
    valid_to: "2026-12-01T08:30:00Z",
    further_days: [],
    closed_days: [],
    revoked: false,
    inside: 0,
    admitted: 0,
    day: 0,
    admitted_before: 0,
    presumed_gone_at: null,
    inside_since: null,
    last_gate: null,
    id_commitments: [COMMITMENT],
    commitment_key: COMMITMENT_KEY,
    applicant: { name: "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin: "Gurpreet Kaur", id_type: "voter_id" },
    companions: [{ name: "Harjit Singh", name_latin: "Harjit Singh", id_type: "pan", child: false }],
    vehicle: null,
    vehicle_allowed: false,
    assistance: null,
    department: "home",
    officer: "home-1",
    call_supervisor: false,
    version: "",
    ...changes,
  };
}

/** What gates hold of the PIN 481516: made by contracts/supervisor_pin.py. */
export const SUPERVISOR: WireSupervisorKey = {
  login_id: "SEC-0009",
  salt: "MDEyMzQ1Njc4OWFiY2RlZg",
  iterations: 1000,
  verifier: "ijckjjIhm1f9MzH_c3NLpfT2ILAh7m0O57YaMkwhzoA",
};
export const PIN = "481516";

/** Return the token of a pass, as issuance signs it. */
export async function tokenOf(one: WirePass, key = privateKey): Promise<string> {
  const seconds = (text: string): number => Date.parse(text) / 1000;
  const claims = {
    iss: ISSUER,
    aud: "gate",
    jti: one.pass,
    site: one.site,
    party: one.party,
    idc: one.id_commitments[0],
  };
  const window = { nbf: seconds(one.valid_from), exp: seconds(one.valid_to) };
  return new SignJWT({ ...claims, ...window })
    .setProtectedHeader({ typ: "epass+jwt", alg: "EdDSA", kid: KEY.kid })
    .sign(key);
}

export async function forgedTokenOf(one: WirePass): Promise<string> {
  return tokenOf(one, STRANGER.privateKey);
}

/** Return a signed list of revoked passes. */
export async function statusList(iat: number, revoked: string[] = [], key = privateKey, seq = 1): Promise<string> {
  return signed("epass-status+jwt", iat, { seq, revoked }, key);
}

/** Return a signed delta to a list. */
export async function statusDelta(iat: number, delta: Omit<StatusDeltaClaims, "iat">, key = privateKey): Promise<string> {
  return signed("epass-status-delta+jwt", iat, { ...delta }, key);
}

export async function forgedStatusDelta(iat: number, delta: Omit<StatusDeltaClaims, "iat">): Promise<string> {
  return statusDelta(iat, delta, STRANGER.privateKey);
}

function signed(typ: string, iat: number, rest: Record<string, unknown>, key: typeof privateKey): Promise<string> {
  const at = Math.floor(iat / 1000);
  return new SignJWT({ iss: ISSUER, aud: "gate", iat: at, exp: at + 3600, ...rest })
    .setProtectedHeader({ typ, alg: "EdDSA", kid: KEY.kid })
    .sign(key);
}

export async function forgedStatusList(iat: number): Promise<string> {
  return statusList(iat, [], STRANGER.privateKey);
}

/** Answers like the gateway, with verify behind it. */
export class Server {
  now = NOON;
  /** By how much the server's clock is ahead of the time that passes. */
  aheadMs = 0;
  /** The transactions that have ended: all before this one. */
  ended = 100;
  /** Whether nobody answers at all: each request hangs until its time limit. */
  down = false;
  /** What is answered in place of anything else. */
  status: number | null = null;
  /** Whether nobody goes in unless a supervisor agrees. */
  demandsSupervisor = false;
  /** Of whom one has to agree to an entry, by what the server says of a pass. */
  mayAgree: string[] = [];
  /** Whether each agreement of a supervisor is refused. */
  refusesPins = false;
  /** Paths whose answer is lost after the server has done what was asked. */
  loseAnswers = new Set<string>();
  signedIn = true;
  login = "SEC-0001";
  gate: string | null = GATE;
  /** Why this device gets nothing, and the device that it is. */
  notEnrolled: string | null = null;
  device: string | null = "GAT-0001";
  /** The server's half of the key for visitors: another one for each enrolment. */
  half = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
  /** The key of the enrolment that has used the code. */
  codeUsedWith: string | null = null;
  /** What a device of another gate gets all the same. */
  admitsScans = false;
  reports: Record<string, unknown>[] = [];
  failsReports = false;
  until = NOON + 8 * 60 * MINUTE;
  passes = new Map<string, WirePass>([[NUMBER, pass()]]);
  revoked: string[] = [];
  /** Who is inside by the server's list, and the gates of whose scans it may lack some. */
  inside: WireInside[] = [];
  offlineGates: string[] | null = [];
  /** How many of those inside are on a page; the gates are on the first one alone. */
  insidePage = 200;
  statusAt: number | null = null;
  manifest: Partial<WireManifest> = {};
  statusJws: string | null = null;
  /** Makes another answer of a delta. */
  spoil: ((delta: Omit<StatusDeltaClaims, "iat">, iat: number) => Promise<string>) | null = null;
  /** What was answered to each question for the list of revoked passes. */
  lists: ("whole" | "delta" | "none")[] = [];
  /** What was answered to each question for the manifest, but for further pages. */
  manifests: ("whole" | "delta")[] = [];
  /** Changes a delta of the manifest. */
  spoilManifest: ((delta: WireManifest) => WireManifest) | null = null;
  /** The version of each pass, by revision of the manifest. */
  readonly #versions = new Map<string, Map<string, string>>();
  readonly #written = new Map<string, string>();
  readonly #signed: { iat: number; revoked: string[] }[] = [];
  /** Every request, as method and path. */
  asked: string[] = [];
  /** What was recorded, by nonce, in the order of its arrival. */
  recorded = new Map<string, WireScan | QueuedScan>();
  /** Nonces of each sync request. */
  batches: string[][] = [];
  /** The problem of a scan, by nonce. */
  problems = new Map<string, string>();
  /** The nonces of scans that wait, and for how many seconds. */
  deferred = new Set<string>();
  retryAfterS = 600;
  /** A nonce at which the server fails. */
  poison: string | null = null;
  /** A nonce for which the whole request is refused. */
  malformed: string | null = null;
  /** Whether it is refused also where nothing but the nonce is sent. */
  refusesNonces = false;
  /** A gate that is not the guard's: the whole request for its scans is refused. */
  forbidden: string | null = null;
  /** Called before each answer; a test changes something in between. */
  before: (path: string, body: unknown) => void | Promise<void> = () => {};
  /** Called when the server has done what was asked, before the answer goes out. */
  after: (path: string) => void | Promise<void> = () => {};

  /** Set the server's clock; the devices' clocks stay. */
  setClock(aheadMs: number): void {
    this.now += aheadMs - this.aheadMs;
    this.aheadMs = aheadMs;
  }

  fetch: typeof fetch = async (input, init) => {
    const path = String(input);
    const bare = path.split("?")[0] ?? "";
    this.asked.push(`${init?.method ?? "GET"} ${bare}`);
    await this.before(bare, init?.body);
    if (this.down) throw new DOMException("nobody answers", "TimeoutError");
    if (this.status !== null) return this.#answer({ code: "unavailable" }, this.status);
    const answer = await this.#route(bare, new URLSearchParams(path.split("?")[1]), init?.body, init?.headers);
    await this.after(bare);
    if (this.loseAnswers.has(bare)) throw new DOMException("the answer is lost", "TimeoutError");
    return answer;
  };

  async #route(path: string, query: URLSearchParams, body: unknown, headers?: HeadersInit): Promise<Response> {
    if (path === "/.well-known/pass-status") return this.#statusAnswer(query.get("held"));
    if (path === "/api/v1/sites")
      return this.#answer({
        items: [{ code: "PCS1", name: names("One"), gate_names: { [GATE]: names("North") } }],
      });
    if (path === "/api/v1/departments")
      return this.#answer({ items: [{ code: "home", name: names("Home") }] });
    if (path === "/api/v1/officers") {
      return this.#answer({
        items: [{ code: "home-1", name: names("Secretary"), designation: names("Secretary"), room: "214" }],
      });
    }
    if (path === "/api/v1/gate/device") {
      const { code } = JSON.parse(String(body)) as { code: string };
      if (!this.signedIn) return this.#answer({ code: "session_ended" }, 401);
      if (code !== CODE) return this.#answer({ code: "invalid_input", errors: [{ code: "code_wrong" }] }, 422);
      const key = new Headers(headers).get("Idempotency-Key");
      if (this.codeUsedWith !== null && this.codeUsedWith !== key)
        return this.#answer({ code: "invalid_input", errors: [{ code: "code_used" }] }, 422);
      this.codeUsedWith = key ?? "";
      this.notEnrolled = null;
      return this.#answer({ device: "GAT-0001", site: "PCS1", gate: GATE });
    }
    if (this.notEnrolled !== null && !(this.admitsScans && path === "/api/v1/scans/sync")) return this.#answer({ code: this.notEnrolled }, 403);
    if (!this.signedIn) return this.#answer({ code: "session_ended" }, 401);
    if (path === "/api/v1/gate/session") {
      const until = new Date(this.until).toISOString();
      return this.#answer({
        login: this.login,
        site: "PCS1",
        gate: this.gate,
        gates: [GATE, "PCS1-G2"],
        until,
        device: this.device,
        storage_half: this.device === null ? null : this.half,
      });
    }
    if (path === "/api/v1/gate/device/report") {
      if (this.failsReports) return this.#answer({ code: "unavailable" }, 503);
      this.reports.push(JSON.parse(String(body)) as Record<string, unknown>);
      return this.#answer({});
    }
    if (path === "/api/v1/sessions/current") {
      this.signedIn = false;
      return new Response(null, { status: 204, headers: this.#date() });
    }
    if (path === "/api/v1/gate/help") {
      const call = JSON.parse(String(body)) as { gate: string; reason: string };
      const at = new Date(this.now).toISOString();
      return this.#answer({ ...call, id: "call-1", called_at: at, answered_at: null, answered_by: null });
    }
    if (path === "/api/v1/gate/manifest") return this.#answer(await this.page(query));
    if (path === "/api/v1/gate/inside") {
      const at = Number(query.get("after") ?? 0);
      const next = at + this.insidePage < this.inside.length ? String(at + this.insidePage) : null;
      const offline = at === 0 ? this.offlineGates : [];
      return this.#answer({ items: this.inside.slice(at, at + this.insidePage), next, offline_gates: offline });
    }
    if (path === "/api/v1/scans") return this.#scan(JSON.parse(String(body)) as WireScan);
    if (path === "/api/v1/scans/sync")
      return this.#sync((JSON.parse(String(body)) as { scans: QueuedScan[] }).scans);
    return this.#answer({ code: "not_found" }, 404);
  }

  /** Return a page of the manifest; one pass a page, so that every test reads several. Or a delta. */
  async page(query: URLSearchParams): Promise<WireManifest> {
    const at = Number(query.get("after") ?? 0);
    const gate = query.get("gate") ?? "";
    const all = [...this.passes.values()].map((one) => ({ ...one, version: this.#versionOf(one) }));
    const versions = new Map(all.map((one) => [one.pass, one.version]));
    const revision = `${gate}/${this.#versions.size}`;
    const common = {
      gate,
      site: "PCS1",
      gates: [GATE, "PCS1-G2"],
      made_at: new Date(this.now).toISOString(),
      issuer: ISSUER,
      keys: [KEY],
      withdrawn: [],
      complete_at: new Date(this.statusAt ?? this.now).toISOString(),
      snapshot: { timeline: 1, all_before: this.ended, none_from: this.ended + 10 },
      offline: { green_s: 900, amber_s: 14_400, then: "refuse" as const },
      telephones: { reception: "", security: "" },
      supervisors: [SUPERVISOR],
      supervisor_demanded: (this.manifest.supervisors ?? [SUPERVISOR]).length > 0,
    };
    const base = query.get("since") ?? "";
    const known = this.#versions.get(base);
    if (at === 0) {
      this.#versions.set(revision, versions);
      this.manifests.push(known === undefined ? "whole" : "delta");
    }
    if (known !== undefined) {
      const delta = {
        ...common,
        status_list: null,
        passes: all.filter((one) => known.get(one.pass) !== one.version),
        next: null,
        revision,
        base,
        gone: [...known.keys()].filter((number) => !versions.has(number)),
        digest: await digestOf(all.map((one) => `${one.pass}:${one.version}`)),
        ...this.manifest,
      };
      return this.spoilManifest === null ? delta : this.spoilManifest(delta);
    }
    return {
      ...common,
      status_list: at === 0 ? await this.#statusList() : null,
      passes: all.slice(at, at + 1),
      next: at + 1 < all.length ? String(at + 1) : null,
      ...(at === 0 ? { revision } : {}),
      ...this.manifest,
    };
  }

  /** Return another version after each change of a pass, as `xmin` is one. */
  #versionOf(one: WirePass): string {
    const written = `${one.pass} ${JSON.stringify(one)}`;
    if (!this.#written.has(written)) this.#written.set(written, String(this.#written.size));
    return this.#written.get(written) ?? "";
  }

  #statusList(): Promise<string> {
    if (this.statusJws !== null) return Promise.resolve(this.statusJws);
    const iat = this.statusAt ?? this.now;
    const last = this.#signed.at(-1);
    if (last?.iat !== iat || String(last.revoked) !== String(this.revoked)) {
      this.#signed.push({ iat, revoked: [...this.revoked] });
    }
    return statusList(iat, this.revoked, privateKey, this.#signed.length);
  }

  /** Answer as the gateway does; it keeps all lists here. */
  async #statusAnswer(held: string | null): Promise<Response> {
    const whole = await this.#statusList();
    const [seq, digest] = (held ?? "").split(".");
    const [old, newest] = [this.#signed[Number(seq) - 1], this.#signed.at(-1)];
    const base = await digestOf(old?.revoked ?? []);
    if (this.statusJws !== null || old === undefined || newest === undefined || base !== digest) {
      this.lists.push("whole");
      return new Response(whole, { headers: this.#date() });
    }
    if (old === newest) {
      this.lists.push("none");
      return new Response(null, { status: 204, headers: this.#date() });
    }
    this.lists.push("delta");
    const delta = {
      seq: this.#signed.length,
      since: Number(seq),
      base,
      digest: await digestOf(newest.revoked),
      revoked: newest.revoked.filter((one) => !old.revoked.includes(one)),
      ended: old.revoked.filter((one) => !newest.revoked.includes(one)),
    };
    return new Response(await (this.spoil ?? ((one, iat) => statusDelta(iat, one)))(delta, newest.iat), { headers: this.#date() });
  }

  #scan(request: WireScan): Response {
    if (request.supervisor !== undefined && this.refusesPins) return this.#answer({ code: "wrong_pin" }, 403);
    if (this.demandsSupervisor && request.id_check !== null && request.supervisor === undefined) {
      return this.#answer({ code: "supervisor_missing" }, 403);
    }
    const number = request.pass_number ?? jti(request.token ?? "");
    const known = this.passes.get(number);
    const asks = request.ask_count === true && request.count === null && (known?.inside ?? 0) > 1;
    const preview = request.direction === "entry" ? request.id_check === null : asks;
    if (known === undefined)
      return this.#answer(
        result({ verdict: "unknown_pass", preview, count: 0, inside: 0, marks: [], day: 0, overridable: [], until: null }),
      );
    const decision = this.#decide(known, request);
    if (!preview) this.#record(known, request, decision);
    return this.#answer({
      ...result({ ...decision, preview }, known),
      undelivered: request.token === undefined && request.direction === "entry" && (known?.undelivered ?? false),
      supervisors: preview ? this.mayAgree : [],
    });
  }

  #sync(scans: QueuedScan[]): Response {
    this.batches.push(scans.map((scan) => scan.nonce));
    const nonces = new Set(scans.map((scan) => scan.nonce));
    if (scans.some((scan) => scan.gate === this.forbidden)) return this.#answer({ code: "not_your_gate" }, 403);
    if (this.poison !== null && nonces.has(this.poison)) return this.#answer({ code: "internal_error" }, 500);
    if (this.malformed !== null && nonces.has(this.malformed) && (this.refusesNonces || scans[0]?.offline !== undefined)) {
      return this.#answer({ code: "invalid_input", errors: [{ code: "string_too_long" }] }, 422);
    }
    const items = scans.map((scan) => {
      // What has not the form of a scan is refused alone, and written down.
      if (scan.offline === undefined) return { nonce: scan.nonce, verdict: null, recorded: false, conflict: false, problem: "invalid_input" };
      if (this.deferred.has(scan.nonce)) {
        return { nonce: scan.nonce, verdict: null, recorded: false, conflict: false, problem: null };
      }
      const problem = this.problems.get(scan.nonce) ?? null;
      const known = this.passes.get(scan.pass_number ?? jti(scan.token ?? ""));
      if (problem === null && known !== undefined) this.#record(known, scan, this.#fact(known, scan));
      return {
        nonce: scan.nonce,
        verdict: problem === null ? scan.offline.verdict : null,
        recorded: problem === null,
        conflict: false,
        problem,
      };
    });
    const waits = scans.some((scan) => this.deferred.has(scan.nonce));
    return this.#answer({ items, retry_after: waits ? this.retryAfterS : null });
  }

  #decide(known: WirePass, request: WireScan): Decision {
    const standing = { ...standingOf(known), revoked: this.revoked.includes(known.pass) };
    const attempt = {
      gate: request.gate,
      at: Date.parse(request.scanned_at),
      count: request.count,
      identified: true,
      freshUntil: null,
      compared: true,
      marks: [],
      overrides: request.supervisor?.overrides,
    };
    return request.direction === "entry" ? decideEntry(standing, attempt) : decideExit(standing, attempt);
  }

  #fact(known: WirePass, scan: QueuedScan): Decision {
    const count = scan.count ?? (scan.direction === "exit" ? known.inside : 0);
    const inside = scan.direction === "entry" ? known.inside + count : Math.max(known.inside - count, 0);
    return { verdict: scan.offline.verdict, count, inside, marks: ["offline"], day: 0, overridable: [], until: null };
  }

  #record(known: WirePass, request: WireScan, decision: Decision): void {
    if (this.recorded.has(request.nonce)) return; // its effect was there before
    this.recorded.set(request.nonce, request);
    const after = standingAfter(standingOf(known), decision);
    const { inside, admitted, day, admittedBefore, presumedGoneAt } = after;
    const gone = presumedGoneAt === null ? null : new Date(presumedGoneAt).toISOString();
    const presence = { inside, admitted, day, admitted_before: admittedBefore, presumed_gone_at: gone };
    this.passes.set(known.pass, {
      ...known,
      ...presence,
      last_gate: request.gate,
      inside_since: request.scanned_at,
    });
  }

  #answer(body: unknown, status = 200): Response {
    return new Response(JSON.stringify(body), { status, headers: this.#date() });
  }

  #date(): Record<string, string> {
    return { Date: new Date(this.now).toUTCString() };
  }
}

function names(en: string): Record<string, string> {
  return { en, hi: en, pa: en };
}

function jti(token: string): string {
  return String(decodeJwt(token).jti);
}

function result(decision: Decision & { preview: boolean }, known?: WirePass): Record<string, unknown> {
  const { verdict, preview, count, inside, marks } = decision;
  return {
    verdict,
    preview,
    pass: known?.pass ?? null,
    reference: known?.reference ?? null,
    applicant: ["admit", "exit", "id_mismatch"].includes(verdict) ? (known?.applicant ?? null) : null,
    companions: known?.companions ?? [],
    party: known?.party ?? 0,
    inside: preview ? (known?.inside ?? 0) : inside,
    may_enter: preview && verdict === "admit" ? count : 0,
    site: known?.site ?? null,
    gate: known?.gate ?? null,
    valid_from: known?.valid_from ?? null,
    valid_to: known?.valid_to ?? null,
    days: [],
    vehicle: null,
    vehicle_allowed: false,
    assistance: null,
    department: known?.department ?? null,
    officer: known?.officer ?? null,
    call_supervisor: known?.call_supervisor ?? false,
    undelivered: false,
    supervisors: [],
    supervisors_void: false,
    overridable: decision.overridable,
    marks,
    list_age_s: known === undefined ? null : 3,
    inside_since: null,
    inside_gate: null,
  };
}

/** A gate and its device: the clock is the test's, and the storage outlives the gate. */
export class Device {
  static #count = 0;
  readonly name = `gate-${(Device.#count += 1)}`;
  readonly server: Server;
  /** By how much the device's clock is ahead of the server's. */
  aheadMs = 0;
  /** What the gateway hands to the app. */
  settings: { locks?: boolean; keepMs?: number } = {};
  #store: Store | null = null;

  constructor(server = new Server(), settings: Device["settings"] = {}) {
    [this.server, this.settings] = [server, settings];
  }

  /** Start the app, as the guard does or the browser after a crash. */
  async open(): Promise<Gate> {
    this.#store = await Store.open(crypto, this.name);
    const real = (): number => this.server.now - this.server.aheadMs;
    const opened = real();
    const clock = { now: () => real() + this.aheadMs, passed: () => real() - opened };
    const deadline = (): AbortSignal => new AbortController().signal; // the test says who is late
    return Gate.open({ fetch: this.server.fetch, store: this.#store, clock, crypto, deadline, ...this.settings });
  }

  /** Kill the app where it stands: nothing is written any more. */
  kill(): void {
    this.#store?.close();
  }

  /** Return what is stored under a name, as somebody with the device's disk sees it. */
  async raw(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(this.name);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  }
}

/** Return a gate that is signed in and holds the manifest of the server, and its device. */
export async function openGate(
  server = new Server(),
): Promise<{ gate: Gate; device: Device; server: Server }> {
  const device = new Device(server);
  const gate = await device.open();
  await gate.refresh();
  return { gate, device, server };
}
