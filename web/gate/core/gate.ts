// The gate: takes what is scanned, asks the gateway or decides by itself, and records.
//
// It asks the gateway with a time limit. Without an answer it decides by itself, by the same rules, and goes
// on so until the gateway answers again. What it decided is on the disk before the verdict is shown.
import { Api, Refused, Unreachable } from "./api.ts";
import { commit } from "./commitments.ts";
import { lastFour, maskAadhaar, readScanned } from "./identity.ts";
import type { Scanned } from "./identity.ts";
import { fetchNames, NO_NAMES } from "./directory.ts";
import { fetchInside, heldInside } from "./inside.ts";
import { ListRefused, Manifest, termsOf, trustOf } from "./manifest.ts";
import type { HeldPass, ListProblem, Move, WireManifest } from "./manifest.ts";
import { GateProblem } from "./model.ts";
import type {
  Clock,
  Direction,
  DirectoryNames,
  GateApi,
  GateState,
  IdCheck,
  InsideEntry,
  Movement,
  Outcome,
  Shown,
  Supervisor,
  Verdict,
} from "./model.ts";
import { showDecision, showNothing, showResult } from "./shown.ts";
import type { Footing } from "./shown.ts";
import type { RefusedScan, Store } from "./store.ts";
import { MOST_SCANS, sendScans } from "./sync.ts";
import type { Settled } from "./sync.ts";
import { claimsWithoutKey, readPass } from "./tokens.ts";
import type { PassClaims } from "./tokens.ts";
import { decideEntry, decideExit, unusedStanding, windowAt } from "./verdicts.ts";
import type { Decision } from "./verdicts.ts";
import { wireCheck, wireSupervisor } from "./wire.ts";
import type { QueuedScan, ScanResult, Session, WireIdCheck, WireScan } from "./wire.ts";

/** For so long a guard waits for the gateway before the gate decides by itself. */
const SCAN_LIMIT_MS = 2_500;
const FETCH_LIMIT_MS = 10_000;
/** A page of the manifest may come over a slow line. */
const PAGE_LIMIT_MS = 60_000;
const PAGE = 500;
/** How often the gate sends and fetches; the list of revoked passes is signed every ten seconds. */
const ROUND_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;
const MANIFEST_MS = 300_000;
const NAMES_MS = 3_600_000;
/** So often a round sends the scans that were decided while it sent the others. */
const MOST_TRIES = 3;
const LONGEST_REASON = 200;
/** What a login looks like: `Code` in contracts/model.py. The server takes no other. */
const LOGIN = /^[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}$/;

export interface Deps {
  fetch: typeof fetch;
  store: Store;
  clock: Clock;
  crypto: Crypto;
  /** Returns a signal that aborts after so many milliseconds; the browser's own unless a test has another. */
  deadline?: (ms: number) => AbortSignal;
}

/** What was found behind a scan without the server: a pass, or why there is none. */
type Found =
  | { held: HeldPass; claims: PassClaims | null }
  | { outcome: "unreadable" | "bad_signature" | "unknown_pass" };

/** A pass that was shown and whose party has not come in yet. */
interface Preview {
  scanned: Scanned;
  shown: Shown;
}

export class Gate implements GateApi {
  readonly #store: Store;
  readonly #crypto: Crypto;
  readonly #api: Api;
  readonly #manifest = new Manifest();
  readonly #listeners = new Set<() => void>();
  #session: Session | null = null;
  /** Who is signed in, or was last. */
  #login: string | null = null;
  #chosen: string | null = null;
  #names: DirectoryNames = NO_NAMES;
  #preview: Preview | null = null;
  #offlineSince: number | null = null;
  /** How many rounds have failed since the last time that the gate went online. */
  #failures = 0;
  #unsent = 0;
  /** How many scans this gate has begun to decide by itself. */
  #decided = 0;
  /** How many are sent at once: fewer after each time that nobody answered. */
  #mostScans = MOST_SCANS;
  /** The passes of which the server is asked at this moment. */
  readonly #asked: string[] = [];
  #refused: RefusedScan[] = [];
  #listProblem: ListProblem | null = null;
  #manifestAt = -Infinity;
  /** How often a manifest was asked for at once. */
  #needed = 0;
  /** How many sessions have ended here. */
  #ended = 0;
  #namesAt = -Infinity;
  #round: Promise<void> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #running = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  private constructor(deps: Deps) {
    this.#store = deps.store;
    this.#crypto = deps.crypto;
    this.#api = new Api(deps.fetch, deps.clock, deps.deadline ?? ((ms) => AbortSignal.timeout(ms)));
  }

  /** Open the gate with what this device holds. It asks nobody: `refresh` or `start` do. */
  static async open(deps: Deps): Promise<Gate> {
    const gate = new Gate(deps);
    await gate.#restore();
    return gate;
  }

  /** Send and fetch every ten seconds, until `close` or `signOut`; while nobody answers more and more rarely. */
  start(): void {
    this.#running = true;
    void this.refresh().finally(() => {
      if (this.#running) this.#timer = setTimeout(() => this.start(), this.#pauseMs());
    });
  }

  /** Return the time to the next round. After a failure no two gates ask at the same moment. */
  #pauseMs(): number {
    if (this.#offlineSince === null) return ROUND_MS;
    const longest = Math.min(ROUND_MS * 2 ** (this.#failures - 1), LONGEST_PAUSE_MS);
    return longest * (0.5 + Math.random() / 2);
  }

  close(): void {
    this.#stop();
    this.#listeners.clear();
    this.#store.close();
  }

  state(): GateState {
    const listAgeS = this.#manifest.ageS(this.#now());
    return {
      signedIn: this.#session !== null,
      online: this.#offlineSince === null,
      offlineSince: this.#offlineSince === null ? null : iso(this.#offlineSince),
      unsent: this.#unsent,
      refused: this.#refused,
      listAgeS,
      listProblem: this.#listProblem,
      trust: trustOf(listAgeS, this.#manifest.policy),
      clockOffS: this.#api.clock.offS,
      site: this.#session?.site ?? null,
      gate: this.#gate(),
      gates: this.#session?.gates ?? [],
      choosesGate: this.#session?.gate === null,
      login: this.#session?.login ?? null,
      passes: this.#manifest.size,
      directoryNames: this.#names,
    };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async chooseGate(gate: string): Promise<void> {
    this.#chosen = gate;
    this.#namesAt = -Infinity;
    this.#needManifest();
    await this.#store.set("gate", gate);
    this.#changed();
  }

  async scan(text: string, direction: Direction): Promise<Shown> {
    await this.#endSession();
    this.#preview = null;
    const scanned = readScanned(text);
    if (scanned === null) return this.#nothing("unreadable", direction);
    const gate = this.#requireGate();
    const request = this.#request(scanned, gate, direction, null, null);
    const shown =
      (await this.#askServer(request, null)) ??
      (await this.#inTurn(() => this.#decideScan(scanned, request)));
    if (shown.preview && shown.outcome === "admit") this.#preview = { scanned, shown };
    return shown;
  }

  async admit(check: IdCheck, count?: number, supervisor?: Supervisor): Promise<Shown> {
    await this.#endSession();
    const preview = this.#preview;
    if (preview === null) throw new GateProblem("no_preview");
    const idCheck = this.#checked(check, preview.shown);
    const agreed = supervisor && checkedSupervisor(supervisor);
    const request = this.#request(preview.scanned, this.#requireGate(), "entry", count ?? null, idCheck);
    const asked = await this.#askServer(request, preview.shown);
    const shown =
      asked ?? (await this.#inTurn(() => this.#decideEntry(preview.scanned, request, agreed)));
    // After a wrong ID the guard may look at another one; a pass that was scanned meanwhile stays.
    if (shown.outcome !== "id_mismatch" && this.#preview === preview) this.#preview = null;
    return shown;
  }

  async inside(): Promise<InsideEntry[]> {
    const online =
      this.#offlineSince === null && this.#session !== null ? await this.#insideOfServer() : null;
    return online ?? heldInside(this.#manifest, this.#gate(), this.#now(), this.#offlineSince === null);
  }

  refresh(): Promise<void> {
    this.#round ??= this.#oneRound().finally(() => {
      this.#round = null;
      this.#changed();
    });
    return this.#round;
  }

  async signOut(): Promise<void> {
    this.#stop(); // else the next round would sign in again, until the server has heard of it
    // While it is still this guard who sends their scans.
    if (this.#offlineSince === null) await this.refresh();
    await this.#forget();
  }

  async hear(movement: Movement): Promise<void> {
    await this.#inTurn(async () => {
      const { nonce, pass, verdict, count, inside, gate, recorded_at: recordedAt } = movement;
      const madeAt = Date.parse(this.#manifest.whole?.made_at ?? "");
      if (this.#manifest.knows(nonce) || !(Date.parse(recordedAt ?? "9999") > madeAt)) return;
      const held = this.#manifest.find(pass);
      if (held?.wire == null || held.standing.terms === null) return;
      const at = Date.parse(movement.at);
      const day = windowAt(held.standing.terms, at)?.day ?? held.standing.day;
      // The server does not count in what this gate has not sent yet.
      const insideAfter = this.#manifest.hasUnsent(pass) ? null : inside;
      const move: Move = { nonce, pass, verdict, count, insideAfter, day, at, gate, sent: true };
      await this.#note(move);
    });
    this.#changed();
  }

  async hearStatus(): Promise<void> {
    if (this.#session !== null) await this.#fetchStatus().catch((error) => this.#roundFailed(error));
    this.#changed();
  }

  async hearReload(): Promise<void> {
    this.#needManifest();
    await this.#round; // it may have asked for the manifest before
    await this.refresh();
  }

  // ---- what the server says

  /** Return what the server made of a scan, or null where it does not answer: then the gate decides. */
  async #askServer(request: WireScan, preview: Shown | null): Promise<Shown | null> {
    if (this.#offlineSince !== null || this.#session === null) return this.#decideHere();
    const pass = preview?.pass ?? (await this.#leaving(request));
    if (pass !== null) this.#asked.push(pass);
    try {
      const result = await this.#api.post<ScanResult>("/api/v1/scans", request, SCAN_LIMIT_MS);
      const shown = showResult(result, request, this.#names, this.#manifest.policy);
      await this.#noteMove(result, request, preview);
      return shown;
    } catch (error) {
      if (error instanceof Refused) return this.#refusedByServer(error, request.direction);
      if (!(error instanceof Unreachable)) throw error;
      this.#goOffline();
      return this.#decideHere();
    } finally {
      if (pass !== null) this.#asked.splice(this.#asked.indexOf(pass), 1);
    }
  }

  /** Return the number of the pass whose party leaves, or null where nobody does, or by a token not of ours. */
  async #leaving(request: WireScan): Promise<string | null> {
    if (request.direction === "entry") return null;
    if (request.token === undefined) return request.pass_number ?? null;
    const read = await readPass(request.token, this.#manifest.keys, this.#manifest.issuer);
    return "claims" in read ? read.claims.jti : null;
  }

  #decideHere(): null {
    this.#decided += 1;
    return null;
  }

  /** Return the outcome that a problem of the gateway means, or null where the gate has to decide. */
  async #refusedByServer(refused: Refused, direction: Direction): Promise<Shown | null> {
    if (refused.code === "unreadable_token") return this.#nothing("unreadable", direction);
    if (refused.status === 401) {
      await this.#forget();
      if (direction === "exit") return this.#decideHere();
      throw new GateProblem("signed_out");
    }
    if (direction === "exit") return this.#decideHere();
    throw new GateProblem(refused.status === 429 ? "too_many_attempts" : refused.code);
  }

  /** Take note of what the server has recorded, so that the gate knows it if the network goes. */
  async #noteMove(result: ScanResult, request: WireScan, preview: Shown | null): Promise<void> {
    const { verdict, pass, inside } = result;
    if (result.preview || pass === null || (verdict !== "admit" && verdict !== "exit")) return;
    const scanned = request.token === undefined ? { number: pass } : { token: request.token };
    const found = await this.#find(scanned, request.direction);
    if (!("held" in found) || found.held.standing.terms === null) return;
    const { standing } = found.held;
    const at = Date.parse(request.scanned_at);
    const count = verdict === "admit" ? inside - (preview?.inside ?? 0) : standing.inside - inside;
    const day = windowAt(found.held.standing.terms, at)?.day ?? standing.day;
    const move: Move = {
      nonce: request.nonce,
      pass,
      verdict,
      count: Math.max(count, 0),
      insideAfter: inside,
      day,
      at,
      gate: request.gate,
      sent: true,
    };
    await this.#note(move);
  }

  /** Take note of a movement that the server has. On a full disk it is in memory, which is right as well. */
  async #note(move: Move): Promise<void> {
    this.#manifest.add(move);
    await this.#store.saveMove(move).catch(reportStorage);
  }

  // ---- what the gate decides by itself

  /** Decide a scan without the server: an entry is shown, an exit is recorded. */
  async #decideScan(scanned: Scanned, request: WireScan): Promise<Shown> {
    this.#manifest.drop(request.nonce);
    const found = await this.#find(scanned, request.direction);
    const at = Date.parse(request.scanned_at);
    const attempt = { gate: request.gate, at, count: null, identified: true, marks: [] };
    if (request.direction === "entry") {
      if (!("held" in found)) return this.#nothing(found.outcome, "entry");
      return this.#show(found.held, decideEntry(found.held.standing, attempt), request, true);
    }
    if (!("held" in found)) {
      const shown = this.#nothing(found.outcome, "exit");
      if (found.outcome === "unreadable") return shown;
      await this.#record({ ...request, offline: this.#offline(found.outcome, shown.ageS) }, null);
      return { ...shown, recorded: true };
    }
    const decision = decideExit(found.held.standing, attempt);
    return this.#recordMove(found.held, decision, request, undefined);
  }

  /** Decide an entry whose ID was checked, and record it. */
  async #decideEntry(
    scanned: Scanned,
    request: WireScan,
    supervisor: Supervisor | undefined,
  ): Promise<Shown> {
    this.#manifest.drop(request.nonce);
    const found = await this.#find(scanned, "entry");
    if (!("held" in found)) return this.#nothing(found.outcome, "entry");
    const { held, claims } = found;
    const { identified, marks } = await this.#identify(held, claims, request.id_check);
    const at = Date.parse(request.scanned_at);
    const decision = decideEntry(held.standing, {
      gate: request.gate,
      at,
      count: request.count,
      identified,
      marks,
    });
    if (decision.verdict === "admit") {
      const trust = this.state().trust;
      if (trust === "refused") throw new GateProblem("list_too_old");
      if (trust === "supervisor" && supervisor === undefined) throw new GateProblem("supervisor_missing");
    }
    return this.#recordMove(held, decision, request, supervisor);
  }

  /** Record a decision with its count, and return what is shown. */
  async #recordMove(
    held: HeldPass,
    decision: Decision,
    request: WireScan,
    supervisor: Supervisor | undefined,
  ): Promise<Shown> {
    const { verdict, count, day } = decision;
    const moves = verdict === "admit" || verdict === "exit";
    // An exit that nobody counted means all: the server knows better how many that are.
    const isUncounted = verdict === "exit" && request.count === null;
    const shown = this.#show(held, decision, request, false);
    const move: Move | null = moves
      ? {
          nonce: request.nonce,
          pass: held.number,
          verdict,
          count,
          insideAfter: isUncounted ? 0 : null,
          day,
          gate: request.gate,
          sent: false,
          at: Date.parse(request.scanned_at),
        }
      : null;
    const offline = this.#offline(verdict, shown.ageS, supervisor);
    await this.#record({ ...request, count: moves && !isUncounted ? count : null, offline }, move);
    return { ...shown, recorded: true };
  }

  /** Put a scan into the queue. When this resolves it is on the disk. */
  async #record(scan: QueuedScan, move: Move | null): Promise<void> {
    const remembered = this.#session === null ? null : move; // without a session there is no key for visitors
    try {
      await this.#store.saveScan(scan, remembered);
    } catch {
      throw new GateProblem("storage");
    }
    if (remembered !== null) this.#manifest.add(remembered);
    this.#unsent += 1;
    this.#changed();
  }

  /** Return the pass behind a scan, by what this gate holds. */
  async #find(scanned: Scanned, direction: Direction): Promise<Found> {
    const isExit = direction === "exit";
    if ("number" in scanned) {
      const held = this.#manifest.find(scanned.number);
      if (held !== null) return { held, claims: null };
      return isExit ? { held: unknownPass(scanned.number), claims: null } : { outcome: "unknown_pass" };
    }
    const read = await readPass(scanned.token, this.#manifest.keys, this.#manifest.issuer);
    if ("claims" in read) return this.#foundByClaims(read.claims);
    const peeked = isExit ? claimsWithoutKey(scanned.token, this.#manifest.keys) : null;
    return peeked === null ? { outcome: read.refused } : this.#foundByClaims(peeked);
  }

  #foundByClaims(claims: PassClaims): Found {
    const held = this.#manifest.find(claims.jti, claims) ?? unknownPass(claims.jti);
    // Of a pass that is revoked and not in the manifest, the token still has the terms.
    const terms = held.standing.terms ?? termsOf(claims);
    return { held: { ...held, standing: { ...held.standing, terms } }, claims };
  }

  /** Return whether the ID shown is one that the pass names, and the marks that the check leaves. */
  async #identify(
    held: HeldPass,
    claims: PassClaims | null,
    check: WireIdCheck | null,
  ): Promise<{ identified: boolean; marks: string[] }> {
    if (check?.kind === "seen") return { identified: true, marks: ["id_seen"] };
    if (check?.kind !== "matched") return { identified: true, marks: ["other_id"] };
    // Only the manifest has the key of the commitments. Without it the server compares the ID later.
    if (held.wire === null) return { identified: true, marks: ["id_unchecked"] };
    const shown = await commit(this.#crypto.subtle, held.wire.commitment_key, check.id_type, check.id_last4);
    const named = [...held.wire.id_commitments, claims?.idc];
    return { identified: named.includes(shown), marks: [] };
  }

  #show(held: HeldPass, decision: Decision, request: WireScan, preview: boolean): Shown {
    return showDecision(held, decision, request, preview, this.#names, this.#footing());
  }

  #nothing(outcome: Outcome, direction: Direction): Shown {
    return showNothing(outcome, direction, iso(this.#now()), this.#footing());
  }

  #footing(): Footing {
    const { listAgeS: ageS, trust } = this.state();
    return { offline: this.#offlineSince !== null || this.#session === null, ageS, trust };
  }

  // ---- requests

  #request(
    scanned: Scanned,
    gate: string,
    direction: Direction,
    count: number | null,
    check: WireIdCheck | null,
  ): WireScan {
    const what = "token" in scanned ? { token: scanned.token } : { pass_number: scanned.number };
    const rest = { nonce: this.#crypto.randomUUID(), scanned_at: iso(this.#api.clock.scanned()), id_check: check };
    return { ...what, gate, direction, count, ...rest };
  }

  #offline(verdict: Verdict, ageS: number | null, supervisor?: Supervisor): QueuedScan["offline"] {
    return {
      verdict,
      list_age_s: ageS,
      supervisor: wireSupervisor(supervisor),
      login: this.#login ?? undefined,
    };
  }

  /** Return the ID check as it is sent. Throws {@link GateProblem} where the guard has to correct it. */
  #checked(check: IdCheck, shown: Shown): WireIdCheck {
    if (check.kind === "matched") return wireCheck({ ...check, last4: lastFour(check.last4) }, check.idType);
    if (check.kind === "as_applied") {
      if (shown.idType === undefined) throw new GateProblem("id_type_unknown");
      return wireCheck(check, shown.idType);
    }
    const reason = check.reason.replace(/\0/g, "").trim();
    if (reason === "") throw new GateProblem("reason_missing");
    return wireCheck({ ...check, reason: maskAadhaar(reason).slice(0, LONGEST_REASON) }, check.idType);
  }

  #gate(): string | null {
    return this.#session?.gate ?? this.#chosen;
  }

  #requireGate(): string {
    const gate = this.#gate();
    if (gate === null) throw new GateProblem("no_gate");
    return gate;
  }

  // ---- rounds

  async #oneRound(): Promise<void> {
    try {
      await this.#endSession();
      await this.#signIn();
      const decided = await this.#sendAll();
      // After a time without the server the others' movements are missing. And only verify can answer this.
      if (this.#offlineSince !== null) this.#needManifest();
      await this.#fetchManifest();
      await this.#goOnlineWhenSent(decided);
      await this.#fetchStatus();
      await this.#fetchNames();
    } catch (error) {
      await this.#roundFailed(error);
    }
    await this.#saveRound().catch((error) => this.#roundFailed(error));
  }

  /** Send what is unsent. Returns how many scans this gate had begun to decide before. */
  async #sendAll(): Promise<number> {
    const decided = this.#decided;
    try {
      const isAll = await sendScans(this.#store, this.#api, (done) => this.#settle(done), this.#mostScans);
      if (isAll) this.#mostScans = MOST_SCANS;
    } catch (error) {
      if (error instanceof Unreachable) this.#mostScans = Math.ceil(Math.min(this.#mostScans, this.#unsent || 1) / 2);
      throw error;
    }
    return decided;
  }

  /** Go online once no scan was decided here since all were sent: the server has to know of each. */
  async #goOnlineWhenSent(decided: number): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const isSent = await this.#inTurn(async () => {
        if (this.#decided !== decided) return false;
        this.#goOnline();
        return true;
      });
      if (isSent) return;
      decided = await this.#sendAll();
    }
  }

  async #roundFailed(error: unknown): Promise<void> {
    if (error instanceof Unreachable) {
      this.#failures += 1;
      this.#goOffline();
    } else if (error instanceof Refused && error.status === 401) await this.#forget();
    // A full disk or a fault of ours: the gate goes on with what it has, and tries again in the next round.
    else if (!(error instanceof Refused)) console.error("a round of the gate failed", error);
  }

  /**
   * Take a list. One that is refused is noted, and the gate goes on with the one that it has.
   *
   * Of a session that has ended since it was asked for nothing is taken: a new key would be made for it.
   */
  async #take(ended: number, work: () => Promise<void>): Promise<void> {
    try {
      await this.#inTurn(async () => {
        this.#requireSame(ended);
        await work();
      });
      this.#listProblem = null;
    } catch (error) {
      if (!(error instanceof ListRefused)) throw error;
      this.#listProblem = error.problem;
    }
  }

  /** Reject where the session that asked for something has ended since. */
  #requireSame(ended: number): void {
    if (this.#ended !== ended) throw new Refused(401, "signed_out");
  }

  /** Fetch the manifest in the next round, also where one comes at this moment. */
  #needManifest(): void {
    this.#manifestAt = -Infinity;
    this.#needed += 1;
  }

  async #signIn(): Promise<void> {
    const ended = this.#ended;
    const session = await this.#api.get<Session>("/api/v1/gate/session", FETCH_LIMIT_MS).catch(asSignedOut);
    this.#requireSame(ended);
    const held = this.#manifest.whole;
    if (held !== null && held.site !== session.site) await this.#forget();
    this.#session = session;
    await this.#remember("session", session);
    // An exit needs both also after the session has ended.
    this.#login = session.login;
    if (session.gate !== null) this.#chosen = session.gate;
    else if (!session.gates.includes(this.#chosen ?? "")) this.#chosen = null;
    await this.#remember("login", this.#login);
    await this.#remember("gate", this.#chosen);
  }

  #settle(done: readonly Settled[]): void {
    this.#unsent -= done.length;
    for (const { nonce, problem } of done) {
      this.#manifest.settle(nonce);
      if (problem !== null) this.#refused = [...this.#refused, { nonce, problem, at: iso(this.#now()) }];
    }
    this.#changed();
  }

  async #fetchManifest(): Promise<void> {
    const gate = this.#gate();
    if (gate === null || this.#now() - this.#manifestAt < MANIFEST_MS) return;
    const [began, needed, ended] = [this.#now(), this.#needed, this.#ended];
    const before = new Set([...this.#manifest.moves].filter((move) => move.sent).map((move) => move.nonce));
    const pages: WireManifest[] = [];
    for (let after: string | null = ""; after !== null; after = pages.at(-1)?.next ?? null) {
      const from = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      const path = `/api/v1/gate/manifest?gate=${encodeURIComponent(gate)}&limit=${PAGE}${from}`;
      pages.push(await this.#api.get<WireManifest>(path, PAGE_LIMIT_MS));
    }
    await this.#take(ended, async () => {
      const done = await this.#manifest.replace(pages, gate, this.#now(), before, this.#asked);
      const { whole } = this.#manifest;
      if (whole !== null) await this.#store.saveManifest(whole, done).catch(reportStorage);
    });
    if (this.#needed === needed) this.#manifestAt = began;
  }

  async #fetchStatus(): Promise<void> {
    if (this.#manifest.whole === null) return;
    const ended = this.#ended;
    const jws = await this.#api.text("/.well-known/pass-status", FETCH_LIMIT_MS).catch(unlessAnswered);
    if (jws === null) return;
    await this.#take(ended, async () => {
      const isNew = await this.#manifest.takeStatus(jws, this.#now());
      if (isNew) await this.#remember("status", jws);
    });
  }

  /** Fetch the names of the directory. Without them the guard sees codes, and the gate works all the same. */
  async #fetchNames(): Promise<void> {
    if (this.#now() - this.#namesAt < NAMES_MS) return;
    const visits = (this.#manifest.whole?.passes ?? []).filter((one) => one.officer !== null);
    const departments = new Set(visits.map((one) => one.department ?? ""));
    const names = await fetchNames(this.#api, departments).catch(unlessAnswered);
    if (names === null) return;
    this.#names = names;
    this.#namesAt = this.#now();
    await this.#remember("names", names);
  }

  async #insideOfServer(): Promise<InsideEntry[] | null> {
    try {
      return await fetchInside(this.#api, this.#session?.site ?? "", this.#gate(), this.#now());
    } catch (error) {
      if (error instanceof Unreachable) this.#goOffline();
      else if (!(error instanceof Refused)) throw error;
      return null;
    }
  }

  // ---- session, clock, storage

  async #restore(): Promise<void> {
    const { clock } = this.#api;
    const offsetMs = (await this.#store.setting<number>("clockOffsetMs")) ?? 0;
    clock.restore(offsetMs, (await this.#store.setting<number>("latestMs")) ?? 0);
    this.#session = (await this.#store.setting<Session>("session")) ?? null;
    this.#login = (await this.#store.setting<string>("login")) ?? null;
    this.#chosen = (await this.#store.setting<string>("gate")) ?? null;
    this.#names = (await this.#store.setting<DirectoryNames>("names")) ?? NO_NAMES;
    this.#unsent = await this.#store.countScans();
    this.#refused = await this.#store.refusedScans();
    await this.#endSession();
    if (this.#session === null) return;
    const stored = await this.#store.readManifest();
    if (stored === null) return;
    await this.#manifest.restore(stored.whole, stored.moves);
    const jws = (await this.#store.setting<string>("status")) ?? stored.whole.status_list;
    if (jws !== null) await this.#manifest.takeStatus(jws, this.#now()).catch(() => false);
  }

  /** Forget the visitors if the session is over, by this gate's own clock. */
  async #endSession(): Promise<void> {
    if (this.#session !== null && Date.parse(this.#session.until) <= this.#now()) await this.#forget();
  }

  async #forget(): Promise<void> {
    this.#session = null;
    this.#preview = null;
    this.#ended += 1;
    this.#manifest.clear();
    this.#needManifest();
    await this.#remember("session", null);
    // Never between a scan's encryption and its storage.
    await this.#inTurn(() => this.#store.forgetVisitors());
    this.#changed();
  }

  /** Keep a setting for the next start; without it this one goes on. */
  async #remember(name: string, value: unknown): Promise<void> {
    await this.#store.set(name, value).catch(reportStorage);
  }

  async #saveRound(): Promise<void> {
    this.#unsent = await this.#store.countScans(); // another tab may send, too
    await this.#store.set("clockOffsetMs", this.#api.clock.offsetMs);
    await this.#store.set("latestMs", this.#api.clock.latestMs);
  }

  #stop(): void {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #now(): number {
    return this.#api.clock.now();
  }

  #goOffline(): void {
    this.#offlineSince ??= this.#now();
    this.#changed();
  }

  #goOnline(): void {
    this.#failures = 0;
    this.#offlineSince = null;
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Do one thing after the other, so that no two scans decide on the same standing. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** Return what is recorded of a supervisor. Throws {@link GateProblem} where the guard has to correct it. */
function checkedSupervisor({ login, reason }: Supervisor): Supervisor {
  const typed = login.trim();
  if (!LOGIN.test(typed)) throw new GateProblem("supervisor_login");
  const why = reason.replace(/\0/g, "").trim();
  if (why === "") throw new GateProblem("supervisor_missing");
  return { login: typed, reason: maskAadhaar(why).slice(0, LONGEST_REASON) };
}

/** Say that a full or broken disk did not keep what is in memory: the gate goes on with that. */
function reportStorage(error: unknown): void {
  console.error("the gate's storage failed", error);
}

function iso(at: number): string {
  return new Date(at).toISOString();
}

/** Return null for a failure that the gateway itself answers with; a network that is gone stays one. */
function unlessAnswered(error: unknown): null {
  if (error instanceof Refused || (error instanceof Unreachable && error.status !== null)) return null;
  throw error;
}

/** Return a pass of which nothing is known, and whose people go out all the same. */
function unknownPass(number: string): HeldPass {
  return { number, standing: unusedStanding(null), insideSince: null, lastGate: null, wire: null };
}

/** Throw what it means for a guard that the question who is signed in was refused: somebody else is (403). */
function asSignedOut(error: unknown): never {
  throw error instanceof Refused && error.status === 403 ? new Refused(401, error.code) : error;
}
