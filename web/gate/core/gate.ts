// The gate: takes what is scanned, asks the gateway or decides by itself, and records.
//
// It asks the gateway with a time limit. Without an answer it decides by itself, by the same rules, and goes
// on so until the gateway answers again. What it decided is on the disk before the verdict is shown.
import { agree, WrongPins } from "./agreement.ts";
import type { Agreement } from "./agreement.ts";
import { Refused, Unreachable } from "./api.ts";
import { Device, iso, reportStorage } from "./device.ts";
import type { Deps, Preview } from "./device.ts";
import { readScanned } from "./identity.ts";
import type { Scanned } from "./identity.ts";
import { fetchInside, movesOf, whoIsInside } from "./inside.ts";
import { find, freshUntilOf, identify, passNamed, passOf } from "./lookup.ts";
import { isUnvouched, termsBeside } from "./manifest.ts";
import type { HeldPass, Move } from "./manifest.ts";
import { COUNT_WITHIN_MS, GateProblem } from "./model.ts";
import type {
  Direction,
  Found,
  GateApi,
  GateState,
  HelpCall,
  HelpReason,
  IdCheck,
  InsideEntry,
  InsideList,
  Movement,
  Outcome,
  PlateHit,
  Shown,
  Supervisor,
  Verdict,
} from "./model.ts";
import { checkedId, makeRequest } from "./requests.ts";
import { FETCH_LIMIT_MS, Rounds, isEnd } from "./rounds.ts";
import { showDecision, showNothing, showResult } from "./shown.ts";
import { asksHowMany, dayOfEntry, decideEntry, decideExit } from "./verdicts.ts";
import type { Decision } from "./verdicts.ts";
import type { QueuedScan, ScanResult, WireIdCheck, WireScan } from "./wire.ts";

/** For so long a guard waits for the gateway before the gate decides by itself. */
const SCAN_LIMIT_MS = 2_500;
/** So long after a card that did not match another one is no matter for the guard alone (as in verify). */
const MISMATCH_COUNTS_MS = 43_200_000;
/** So often the server's list is asked for while it gets scans that wait here. */
const MOST_LISTS = 3;

/** An exit of several people of whom nobody has said yet how many leave, as it is stored. */
type Leaving = Pick<Preview, "scanned" | "request">;

export class Gate implements GateApi {
  readonly #device: Device;
  readonly #rounds: Rounds;
  readonly #wrongPins = new WrongPins();
  /** The passes whose visitor has shown a card that did not match, and when: another card needs a supervisor. */
  readonly #mismatched = new Map<string, number>();
  /** The exit of several people of whom the guard says how many leave. */
  #leaving: Preview | null = null;
  /** The code that was sent last, and its key: a repeat after a lost answer does not use the code up. */
  #enrolment = { code: "", key: "" };

  private constructor(device: Device) {
    this.#device = device;
    this.#rounds = new Rounds(device);
  }

  choosePin(pin: string): Promise<void> {
    return this.#device.choosePin(pin);
  }

  async lock(): Promise<void> {
    await this.#device.lock(async () => {
      await this.#noteLeaving(null); // nobody is counted out by a silence
      this.#mismatched.clear(); // they are stored
    });
  }

  async unlock(pin: string): Promise<void> {
    await this.#device.endSession();
    await this.#device.unlock(pin);
    if (this.#device.isLocked || this.#device.session === null) return;
    const leaving = await this.#device.store.readNotes<Leaving>("leaving");
    await this.#restore();
    await this.#recordLeft(leaving);
    void this.#rounds.reload(); // a round that began before has asked for no list
  }

  /** Open the gate with what this device holds. It asks nobody: `refresh` or `start` do. */
  static async open(deps: Deps): Promise<Gate> {
    const device = new Device(deps);
    const leaving = await device.store.readNotes<Leaving>("leaving"); // it goes where the session has ended since
    await device.restore();
    const gate = new Gate(device);
    await gate.#restore();
    await gate.#recordLeft(leaving);
    return gate;
  }

  /** Know again whose card did not match, and which PINs were wrong: a restart is no way around either. */
  async #restore(): Promise<void> {
    const { store } = this.#device;
    const mismatched = (await store.readNotes<[string, number][]>("mismatched")) ?? [];
    for (const [pass, at] of mismatched) this.#mismatched.set(pass, at);
    this.#wrongPins.restore(await store.setting("wrongPins"));
  }

  /** Record the exit that nobody had answered when the app ended a moment ago: all have left, as at the next scan. */
  async #recordLeft(leaving: Leaving | null | undefined): Promise<void> {
    if (!leaving) return;
    const { store, manifest } = this.#device;
    const waiting = await store.scansWithout((nonce) => nonce !== leaving.request.nonce);
    const isRecorded = waiting.length > 0 || manifest.knows(leaving.request.nonce);
    this.#decideHere();
    const request = { ...leaving.request, ask_count: false };
    if (!isRecorded && this.#mayMeanAll(leaving)) await this.#device.inTurn(() => this.#decideScan(leaving.scanned, request)).catch(reportStorage);
    await this.#storeLeaving(null);
  }

  /** Note the exit of which the guard says how many leave, also for a restart; null where it is answered. */
  async #noteLeaving(leaving: Preview | null): Promise<void> {
    if (this.#leaving === leaving) return;
    this.#leaving = leaving;
    await this.#storeLeaving(leaving && { scanned: leaving.scanned, request: leaving.request });
  }

  async #storeLeaving(leaving: Leaving | null): Promise<void> {
    if (this.#device.session === null) return; // there is no key, and nothing is stored any more
    await this.#device.store.saveNotes("leaving", leaving).catch(reportStorage);
  }

  /** Whether an exit that nobody has counted means all: no longer than the guard is asked. */
  #mayMeanAll({ request }: Leaving): boolean {
    const age = this.#device.now() - Date.parse(request.scanned_at);
    return Math.abs(age) < COUNT_WITHIN_MS;
  }

  /**
   * Record that all have left whom nobody has counted; nothing after a while, since nobody is counted out by a
   * silence. What cannot be recorded is said once, and holds up no scan.
   */
  async #leaveAll(leaving: Leaving): Promise<void> {
    try {
      if (this.#mayMeanAll(leaving)) await this.leave();
    } finally {
      await this.#noteLeaving(null);
    }
  }

  /** Send and fetch every ten seconds, until `close` or `signOut`. */
  start(): void {
    this.#rounds.start();
  }

  close(): void {
    this.#rounds.stop();
    this.#device.close();
  }

  state(): GateState {
    return this.#device.state();
  }

  subscribe(listener: () => void): () => void {
    return this.#device.subscribe(listener);
  }

  refresh(): Promise<void> {
    return this.#rounds.refresh();
  }

  async chooseGate(gate: string): Promise<void> {
    this.#device.chosen = gate;
    this.#device.namesAt = -Infinity;
    this.#device.needManifest();
    await this.#device.store.set("gate", gate);
    this.#device.changed();
  }

  async enrol(code: string): Promise<void> {
    const { api, crypto } = this.#device;
    if (this.#enrolment.code !== code) this.#enrolment = { code, key: crypto.randomUUID() };
    try {
      await api.command("POST", "/api/v1/gate/device", { code }, FETCH_LIMIT_MS, this.#enrolment.key);
    } catch (error) {
      if (error instanceof Unreachable) throw new GateProblem("offline");
      throw error instanceof Refused ? new GateProblem(error.status === 401 ? "signed_out" : error.code) : error;
    }
    await this.#device.enrolled(null);
    await this.#rounds.reload();
  }

  findByPlate(text: string): PlateHit[] {
    return this.#device.manifest.withPlate(text, this.#device.now());
  }

  async scan(text: string, direction: Direction): Promise<Shown> {
    await this.#device.endSession();
    this.#device.preview = null;
    const scanned = readScanned(text);
    const leaving = this.#leaving;
    const named = leaving && (await passNamed(this.#device.manifest, scanned));
    const isAgain = leaving?.shown.pass === named && direction === "exit";
    // Another pass, and nobody has counted them: all. A number with a mistake or any other code means nothing.
    if (leaving !== null && named !== null && !isAgain) await this.#leaveAll(leaving);
    if (direction === "entry") this.#requireSession();
    if (scanned === null) return this.#nothing("unreadable", direction);
    const gate = this.#device.requireGate();
    const request = this.#request(scanned, gate, direction, null, null);
    if (direction === "exit") request.ask_count = true;
    const shown = this.#withMismatch(await this.#look(scanned, request));
    const asked = shown.preview && shown.outcome === "exit" ? { scanned, shown, request } : null;
    if (asked !== null || isAgain) await this.#noteLeaving(asked);
    if (!shown.preview || shown.outcome === "exit") return shown;
    if (shown.outcome === "admit" || shown.overridable.length > 0) {
      this.#device.preview = { scanned, shown, request };
    }
    return shown;
  }

  /** Return what a scan comes to before anything is recorded, but for an exit of nobody or one. */
  async #look(scanned: Scanned, request: WireScan): Promise<Shown> {
    return (
      (await this.#askServer(request, null)) ??
      (await this.#device.inTurn(() => this.#decideScan(scanned, request)))
    );
  }

  async leave(count?: number): Promise<Shown> {
    await this.#device.endSession();
    const leaving = this.#leaving;
    if (leaving === null) throw new GateProblem("no_preview");
    const request = { ...leaving.request, count: count ?? null, ask_count: false };
    const shown = await this.#look(leaving.scanned, request);
    if (this.#leaving === leaving) await this.#noteLeaving(null);
    return shown;
  }

  async forgetLeaving(shown: Shown): Promise<boolean> {
    if (this.#leaving?.request.scanned_at !== shown.at) return false;
    await this.#noteLeaving(null);
    return true;
  }

  async override(supervisor: Supervisor): Promise<Shown> {
    await this.#device.endSession();
    const preview = this.#device.preview;
    if (preview === null || preview.shown.overridable.length === 0) throw new GateProblem("no_preview");
    const request = this.#request(preview.scanned, this.#device.requireGate(), "entry", null, null);
    const { crypto, manifest } = this.#device;
    const agreed = await agree(
      crypto.subtle,
      manifest.supervisors,
      supervisor,
      this.#device.session?.login ?? null,
      request,
      preview.shown.overridable,
    );
    const asked = { ...request, supervisor: agreed.wire };
    const looked =
      (await this.#askServer(asked, null)) ??
      (await this.#device.inTurn(async () => {
        await this.#checkPin(agreed);
        return this.#decideScan(preview.scanned, asked);
      }));
    const shown = { ...looked, mismatched: preview.shown.mismatched };
    if (this.#device.preview === preview) this.#device.preview = { ...preview, shown, request, agreed };
    return shown;
  }

  async admit(check: IdCheck, count?: number, supervisor?: Supervisor): Promise<Shown> {
    await this.#device.endSession();
    const preview = this.#device.preview;
    const isRefused = preview !== null && !["admit", "id_mismatch"].includes(preview.shown.outcome);
    if (preview === null || isRefused) throw new GateProblem("no_preview");
    const idCheck = checkedId(check, preview.shown);
    const gate = this.#device.requireGate();
    const made = this.#request(preview.scanned, gate, "entry", count ?? null, idCheck);
    const { crypto, manifest, session } = this.#device;
    // What a supervisor has set aside is proven for the nonce of that request.
    const request = preview.agreed === undefined ? made : { ...made, nonce: preview.request.nonce };
    const agreed =
      preview.agreed ??
      (supervisor && (await agree(crypto.subtle, manifest.supervisors, supervisor, session?.login ?? null, request)));
    const asked = await this.#askServer({ ...request, supervisor: agreed?.wire }, preview.shown);
    const decided =
      asked ?? (await this.#device.inTurn(() => this.#decideEntry(preview.scanned, request, agreed)));
    // After another card the supervisor may set the same aside once more.
    const again = decided.outcome === "id_mismatch" ? (preview.agreed?.wire.overrides ?? []) : [];
    const shown = { ...decided, overridable: [...again] };
    await this.#noteCard(shown);
    // The nonce is used up with the record of another card: a supervisor agrees once more.
    const isUsed = preview.agreed !== undefined && this.#device.preview === preview;
    if (isUsed && shown.outcome === "id_mismatch") {
      this.#device.preview = { scanned: preview.scanned, shown, request };
    }
    // After a wrong ID the guard may look at another one; a pass that was scanned meanwhile stays.
    if (shown.outcome !== "id_mismatch" && this.#device.preview === preview) this.#device.preview = null;
    return shown;
  }

  /** Throw {@link GateProblem} where nobody is signed in: without a manifest every pass looks like a bad one. */
  #requireSession(): void {
    if (this.#device.session === null) throw new GateProblem(this.#device.notEnrolled ?? "signed_out");
    if (this.#device.isLocked) throw new GateProblem("locked");
  }

  /** Note that a card did not match, until somebody comes in. */
  async #noteCard({ outcome, pass }: Shown): Promise<void> {
    if (pass === undefined) return;
    if (outcome === "id_mismatch") this.#mismatched.set(pass, this.#device.now());
    else if (outcome !== "admit" || !this.#mismatched.delete(pass)) return;
    if (this.#device.session === null) return;
    await this.#device.store.saveNotes("mismatched", [...this.#mismatched]).catch(reportStorage);
  }

  /** Return whether nobody goes in unless a supervisor of the site agrees; the server asks the same. */
  #needsSupervisor(held: HeldPass, isCompared: boolean): boolean {
    if (!this.#device.manifest.demandsSupervisor) return false;
    return isUnvouched(held) || held.wire?.call_supervisor === true || (!isCompared && this.#hasMismatch(held.number));
  }

  #hasMismatch(pass: string): boolean {
    const at = this.#mismatched.get(pass);
    return at !== undefined && this.#device.now() - at < MISMATCH_COUNTS_MS;
  }

  /** Return a refusal that can be set aside with the card that did not match: the PIN counts for that, too. */
  #withMismatch(shown: Shown): Shown {
    const isSetAside = shown.overridable.length > 0 && shown.pass !== undefined;
    return isSetAside && this.#hasMismatch(shown.pass ?? "") ? { ...shown, mismatched: true } : shown;
  }

  async inside(): Promise<InsideList> {
    const { manifest } = this.#device;
    let { served, scans, isSent } = await this.#askInside();
    // What the server got meanwhile is perhaps not in its list, and waits here no more.
    for (let tries = 1; isSent && tries < MOST_LISTS; tries += 1) ({ served, scans, isSent } = await this.#askInside());
    const isKnown = scans !== null && (served !== null || manifest.whole !== null);
    const waiting = (scans ?? []).filter((scan) => !manifest.knows(scan.nonce));
    const [gate, now] = [this.#device.gate(), this.#device.now()];
    return { entries: whoIsInside(served, manifest, await movesOf(manifest, waiting), gate, now), isKnown };
  }

  /** Return the server's list, the scans that it lacks, and whether it has got one of them while it was asked. */
  async #askInside(): Promise<{ served: InsideEntry[] | null; scans: QueuedScan[] | null; isSent: boolean }> {
    const { session, offlineSince } = this.#device;
    const before = await this.#waitingScans();
    const served = offlineSince === null && session !== null ? await this.#insideOfServer() : null;
    const scans = await this.#waitingScans();
    const left = new Set((scans ?? []).map((scan) => scan.nonce));
    return { served, scans, isSent: served !== null && (before ?? []).some((scan) => !left.has(scan.nonce)) };
  }

  /** Return the scans that the server lacks, or null where this device cannot read them. */
  #waitingScans(): Promise<QueuedScan[] | null> {
    return this.#device.store.scansWithout(() => false).catch(() => null);
  }

  async found(): Promise<Found[]> {
    return (await this.#device.store.readNotes<Found[]>("found")) ?? [];
  }

  async noteFound(found: readonly Found[]): Promise<void> {
    if (this.#device.session !== null) await this.#device.store.saveNotes("found", found);
  }

  async passOfRefused(nonce: string): Promise<string | null> {
    const scan = await this.#device.store.refusedScan(nonce);
    const [move] = scan === null ? [] : await movesOf(this.#device.manifest, [scan]);
    return move?.pass ?? scan?.pass_number ?? null;
  }

  async forgetRefused(nonce: string): Promise<void> {
    this.#requireSession();
    const refused = this.#device.refused.find((one) => one.nonce === nonce);
    if (refused?.isKnown !== true) throw new GateProblem("only_trace");
    await this.#device.store.forgetRefused(nonce);
    this.#device.refused = this.#device.refused.filter((one) => one.nonce !== nonce);
    this.#device.changed();
  }

  async signOut(isSure = false, forgetsPin = false): Promise<void> {
    if (this.#leaving !== null) await this.#leaveAll(this.#leaving);
    this.#rounds.stop(); // else the next round would sign in again, until the server has heard of it
    // While it is still this guard who sends their scans.
    if (this.#device.offlineSince === null) await this.refresh();
    if (this.#device.offlineSince === null) return await this.#device.forget(forgetsPin);
    if (!isSure && this.#device.session !== null) {
      this.#rounds.start();
      throw new GateProblem("sign_out_offline");
    }
    await this.#device.leave(forgetsPin);
    this.#rounds.start(); // the session has to end as soon as the server answers
  }

  async hear(movement: Movement): Promise<void> {
    await this.#device.inTurn(async () => {
      const { nonce, pass, verdict, count, inside, gate } = movement;
      const { manifest } = this.#device;
      if (manifest.knows(nonce)) return;
      const held = manifest.find(pass);
      const isListed = manifest.has(movement);
      // The list lacks this pass, or its people, or nobody can tell whether it has the movement.
      const isUnsure = isListed === null || (!isListed && verdict === "admit" && !held?.wire?.applicant);
      if (isUnsure && manifest.whole !== null) this.#device.needManifest();
      if (isListed === true || held?.wire == null || held.standing.terms === null) return;
      const at = Date.parse(movement.at);
      const day = dayOfEntry(held.standing, held.standing.terms, at);
      // The server does not count in what this gate has not sent yet.
      const insideAfter = manifest.hasUnsent(pass) ? null : inside;
      const move: Move = { nonce, pass, verdict, count, insideAfter, day, at, gate, sent: true };
      await this.#device.note(move);
    });
    this.#device.changed();
  }

  async callHelp(reason: HelpReason): Promise<void> {
    const gate = this.#device.requireGate();
    if (this.#device.offlineSince !== null || this.#device.session === null) throw new GateProblem("help_offline");
    try {
      this.hearHelp(await this.#device.api.post<HelpCall>("/api/v1/gate/help", { gate, reason }, SCAN_LIMIT_MS));
    } catch (error) {
      if (error instanceof Refused) throw new GateProblem(error.status === 401 ? "signed_out" : error.code);
      if (!(error instanceof Unreachable)) throw error;
      this.#device.goOffline();
      throw new GateProblem("help_offline");
    }
  }

  hearHelp(call: HelpCall): void {
    const known = this.#device.help;
    if (call.gate !== this.#device.gate()) return;
    if (known !== null && known.id !== call.id && known.called_at > call.called_at) return;
    this.#device.help = call;
    this.#device.changed();
  }

  hearStatus(): Promise<void> {
    return this.#rounds.refreshStatus();
  }

  hearReload(): Promise<void> {
    return this.#rounds.reload();
  }

  // ---- what the server says

  /** Return what the server made of a scan, or null where it does not answer: then the gate decides. */
  async #askServer(request: WireScan, preview: Shown | null): Promise<Shown | null> {
    if (this.#device.offlineSince !== null || this.#device.session === null) return this.#decideHere();
    // Which pass it is takes the check of a signature, so that a preview asks for it only where it matters.
    const isNeeded = request.direction === "exit" || preview !== null || this.#device.unsent > 0;
    const pass = preview?.pass ?? (isNeeded ? await passOf(this.#device.manifest, request) : null);
    // Scans that the server defers wait for an hour: until it has them it would admit the same people again.
    if (pass !== null && this.#device.manifest.hasUnsent(pass)) return this.#decideHere();
    const moving = request.direction === "exit" || preview !== null ? pass : null;
    if (moving !== null) this.#rounds.asked.push(moving);
    try {
      const result = await this.#device.api.post<ScanResult>("/api/v1/scans", request, SCAN_LIMIT_MS);
      const shown = showResult(result, request, this.#device.names, this.#device.manifest.policy);
      await this.#noteMove(result, request, preview);
      // A supervisor may have chosen a PIN since this gate heard of them.
      const held = this.#device.manifest.supervisors.map((one) => one.login_id);
      if (result.supervisors?.some((one) => !held.includes(one))) this.#device.needManifest();
      return shown;
    } catch (error) {
      if (error instanceof Refused) return this.#refusedByServer(error, request.direction);
      if (!(error instanceof Unreachable)) throw error;
      this.#device.goOffline();
      return this.#decideHere();
    } finally {
      if (moving !== null) this.#rounds.asked.splice(this.#rounds.asked.indexOf(moving), 1);
    }
  }

  #decideHere(): null {
    this.#rounds.decided += 1;
    return null;
  }

  /** Return the outcome that a problem of the gateway means, or null where the gate has to decide. */
  async #refusedByServer(refused: Refused, direction: Direction): Promise<Shown | null> {
    if (refused.code === "unreadable_token") return this.#nothing("unreadable", direction);
    if (isEnd(refused)) {
      await this.#rounds.end(refused);
      if (direction === "exit") return this.#decideHere();
      throw new GateProblem(refused.status === 401 ? "signed_out" : refused.code);
    }
    if (direction === "exit") return this.#decideHere();
    // A supervisor may have chosen a PIN since this gate heard of them.
    if (["wrong_pin", "no_supervisor", "supervisor_missing"].includes(refused.code)) this.#device.needManifest();
    throw new GateProblem(refused.status === 429 ? "too_many_attempts" : refused.code);
  }

  /** Take note of what the server has recorded, so that the gate knows it if the network goes. */
  async #noteMove(result: ScanResult, request: WireScan, preview: Shown | null): Promise<void> {
    const { verdict, pass, inside } = result;
    if (result.preview || pass === null || (verdict !== "admit" && verdict !== "exit")) return;
    const scanned = request.token === undefined ? { number: pass } : { token: request.token };
    const found = await find(this.#device.manifest, scanned, request.direction);
    if (!("held" in found) || found.held.standing.terms === null) return;
    const { standing } = found.held;
    const at = Date.parse(request.scanned_at);
    const count = verdict === "admit" ? inside - (preview?.inside ?? 0) : standing.inside - inside;
    const day = dayOfEntry(standing, found.held.standing.terms, at);
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
      terms: termsBeside(found.held),
    };
    await this.#device.note(move);
  }

  async #insideOfServer(): Promise<InsideEntry[] | null> {
    try {
      const { api, session } = this.#device;
      return await fetchInside(api, session?.site ?? "", this.#device.gate(), this.#device.now());
    } catch (error) {
      if (error instanceof Unreachable) this.#device.goOffline();
      else if (!(error instanceof Refused)) throw error;
      return null;
    }
  }

  // ---- what the gate decides by itself

  /** Decide a scan without the server: an entry is shown, an exit is recorded. */
  async #decideScan(scanned: Scanned, request: WireScan): Promise<Shown> {
    this.#device.manifest.drop(request.nonce);
    const found = await find(this.#device.manifest, scanned, request.direction);
    const at = Date.parse(request.scanned_at);
    const { count, gate, supervisor } = request;
    const freshUntil = "held" in found ? freshUntilOf(found.claims) : null;
    const looked = { identified: true, marks: [], freshUntil, compared: true };
    const attempt = { gate, at, count, ...looked, overrides: supervisor?.overrides };
    if (request.direction === "entry") {
      this.#requireSession(); // it may have ended while the server was asked
      if (this.#device.manifest.whole === null) throw new GateProblem("no_list");
      if (!("held" in found)) return this.#nothing(found.outcome, "entry");
      const shown = this.#show(found.held, decideEntry(found.held.standing, attempt), request, true);
      if (shown.callSupervisor || shown.outcome !== "admit" || !this.#needsSupervisor(found.held, false)) return shown;
      return { ...shown, callSupervisor: true, onlyUncompared: true };
    }
    if (!("held" in found)) {
      const shown = this.#nothing(found.outcome, "exit");
      if (found.outcome === "unreadable") return shown;
      await this.#record({ ...request, offline: this.#offline(found.outcome, shown.ageS) }, null);
      return { ...shown, recorded: true };
    }
    const decision = decideExit(found.held.standing, attempt);
    if (request.ask_count === true && asksHowMany(found.held.standing, attempt)) {
      return this.#show(found.held, decision, request, true);
    }
    return this.#recordMove(found.held, decision, request, undefined);
  }

  /** Decide an entry whose ID was checked, and record it. */
  async #decideEntry(
    scanned: Scanned,
    request: WireScan,
    agreed: Agreement | undefined,
  ): Promise<Shown> {
    this.#device.manifest.drop(request.nonce);
    const found = await find(this.#device.manifest, scanned, "entry");
    if (!("held" in found)) return this.#nothing(found.outcome, "entry");
    const { held, claims } = found;
    const looked = await identify(this.#device.crypto.subtle, held, claims, request.id_check);
    const at = Date.parse(request.scanned_at);
    const decision = decideEntry(held.standing, {
      gate: request.gate,
      at,
      count: request.count,
      ...looked,
      overrides: agreed?.wire.overrides,
      freshUntil: freshUntilOf(claims),
    });
    if (decision.verdict === "admit") {
      const trust = this.#device.state().trust;
      if (trust === "refused") throw new GateProblem("list_too_old");
      const isAsked = trust === "supervisor" || this.#needsSupervisor(held, looked.compared);
      if (isAsked && agreed === undefined) throw new GateProblem("supervisor_missing");
      if (agreed !== undefined) await this.#checkPin(agreed);
    }
    return this.#recordMove(held, decision, request, agreed);
  }

  /** Throw {@link GateProblem} where the PIN is wrong, or too many were. */
  async #checkPin(agreed: Agreement): Promise<void> {
    try {
      this.#wrongPins.require(agreed, this.#device.now());
    } finally {
      await this.#device.remember("wrongPins", this.#wrongPins.counted);
    }
  }

  /** Record a decision with its count, and return what is shown. */
  async #recordMove(
    held: HeldPass,
    decision: Decision,
    request: WireScan,
    agreed: Agreement | undefined,
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
          terms: termsBeside(held),
        }
      : null;
    const offline = this.#offline(verdict, shown.ageS, agreed);
    await this.#record({ ...request, count: moves && !isUncounted ? count : null, offline }, move);
    return { ...shown, recorded: true };
  }

  /** Put a scan into the queue. When this resolves it is on the disk. */
  async #record({ ask_count: _asked, ...scan }: QueuedScan, move: Move | null): Promise<void> {
    // Without a session there is no key for visitors.
    const remembered = this.#device.session === null ? null : move;
    try {
      await this.#device.store.saveScan(scan, remembered);
    } catch {
      throw new GateProblem("storage");
    }
    if (remembered !== null) this.#device.manifest.add(remembered);
    this.#device.unsent += 1;
    this.#device.changed();
  }

  #show(held: HeldPass, decision: Decision, request: WireScan, preview: boolean): Shown {
    return showDecision(held, decision, request, preview, this.#device.names, this.#device.footing());
  }

  #nothing(outcome: Outcome, direction: Direction): Shown {
    return showNothing(outcome, direction, iso(this.#device.now()), this.#device.footing());
  }

  // ---- requests

  #request(
    scanned: Scanned,
    gate: string,
    direction: Direction,
    count: number | null,
    check: WireIdCheck | null,
  ): WireScan {
    const nonce = this.#device.crypto.randomUUID();
    const scannedAt = iso(this.#device.api.clock.scanned());
    return makeRequest(nonce, scannedAt, scanned, gate, direction, count, check);
  }

  #offline(verdict: Verdict, ageS: number | null, agreed?: Agreement): QueuedScan["offline"] {
    return {
      verdict,
      list_age_s: ageS,
      supervisor: agreed?.wire ?? null,
      login: this.#device.login ?? undefined,
    };
  }
}
