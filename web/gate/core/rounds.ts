// What a gate does every ten seconds: it signs in, sends its scans, and fetches the lists.
//
// While nobody answers it tries more and more rarely. It goes online again once the server has all its scans.
import { Refused, Unreachable } from "./api.ts";
import { fetchNames } from "./directory.ts";
import { iso, reportStorage } from "./device.ts";
import type { Device } from "./device.ts";
import type { WireManifest } from "./manifest.ts";
import { NOT_ENROLLED } from "./model.ts";
import { ListRefused } from "./refusals.ts";
import { MOST_SCANS, sendScans } from "./sync.ts";
import type { Settled } from "./sync.ts";
import { isStatusDelta } from "./tokens.ts";
import type { HeldStatus } from "./revoked.ts";
import type { Session, WireSession } from "./wire.ts";

export const FETCH_LIMIT_MS = 10_000;
/** A page of the manifest may come over a slow line. */
const PAGE_LIMIT_MS = 60_000;
const PAGE = 500;
/** The list of revoked passes is stored so often at least; at once where a pass has come onto it. */
const STORE_STATUS_MS = 60_000;
/** How often the gate sends and fetches. */
const ROUND_MS = 10_000;
/** A list of revoked passes that is so old is fetched again; one is signed every `EPASS_STATUS_LIST_SECONDS`. */
const STATUS_MS = 10_000;
const LONGEST_PAUSE_MS = 60_000;
/** How often the gate asks what has changed in the manifest, which has the keys: a withdrawn one ends within 60 s. */
const MANIFEST_MS = 30_000;
/** The manifest is stored so often at least; at once where its keys have changed or it was asked for. It is large. */
const STORE_MANIFEST_MS = 300_000;
/** For so long a list under a key that is not known here is no alarm: the key comes with a manifest. */
const NEW_KEY_MS = 60_000;
const NAMES_MS = 3_600_000;
const REPORT_MS = 60_000;
/** So often a round sends the scans that were decided while it sent the others. */
const MOST_TRIES = 3;

export class Rounds {
  readonly #device: Device;
  /** The passes of which the server is asked at this moment. */
  readonly asked: string[] = [];
  /** How many scans this gate has begun to decide by itself. */
  decided = 0;
  /** How many are sent at once: fewer after each time that nobody answered. */
  #mostScans = MOST_SCANS;
  #reportedAt = -Infinity;
  #reportedFor = "";
  /** When the list of revoked passes was stored last, and the manifest. */
  #storedAt = -Infinity;
  #manifestStoredAt = -Infinity;
  /** The nonces of moves that are in the manifest and not in the stored one. */
  #endedMoves: string[] = [];
  /** Since when lists come under a key that is not known here. */
  #newKeySince: number | null = null;
  /** Whether the server has said since the start that it takes nothing of this device. */
  #isTold = false;
  #round: Promise<void> | null = null;
  #running = false;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Send and fetch every ten seconds, until `stop`; while nobody answers more and more rarely. */
  start(): void {
    this.#running = true;
    void this.refresh().finally(() => {
      if (this.#running) this.#timer = setTimeout(() => this.start(), this.#pauseMs());
    });
  }

  stop(): void {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Return the time to the next round. After a failure no two gates ask at the same moment. */
  #pauseMs(): number {
    if (this.#device.offlineSince === null) return ROUND_MS;
    const longest = Math.min(ROUND_MS * 2 ** (this.#device.failures - 1), LONGEST_PAUSE_MS);
    return longest * (0.5 + Math.random() / 2);
  }

  refresh(): Promise<void> {
    this.#round ??= this.#oneRound().finally(() => {
      this.#round = null;
      this.#device.changed();
    });
    return this.#round;
  }

  /** Fetch the list of revoked passes now. */
  async refreshStatus(): Promise<void> {
    if (this.#device.session !== null) await this.#fetchStatus().catch((error) => this.#roundFailed(error));
    this.#device.changed();
  }

  /** Fetch the manifest now, also where one comes at this moment: it may have been asked for before. */
  async reload(): Promise<void> {
    this.#device.needManifest();
    await this.#round;
    await this.refresh();
  }

  /** Return whether asking is of no use: only a code of the ADO Branch enrols a device. */
  #waitsForCode(): boolean {
    const { notEnrolled, unsent } = this.#device;
    const sendsForGateBefore = notEnrolled === "device_of_other_gate" && unsent > 0;
    return this.#isTold && notEnrolled !== null && !sendsForGateBefore;
  }

  async #oneRound(): Promise<void> {
    if (this.#waitsForCode()) return;
    try {
      await this.#device.endSession();
      await this.#signIn().catch((error) => this.#sendOfOtherGate(error));
      const decided = await this.#sendAll();
      // After a time without the server the others' movements are missing. And only verify can answer this.
      if (this.#device.offlineSince !== null) this.#device.needManifest();
      await this.#fetchManifest();
      await this.#goOnlineWhenSent(decided);
      await this.#fetchDueStatus();
      if (!this.#device.isLocked) await this.#fetchNames();
      await this.#report();
    } catch (error) {
      await this.#roundFailed(error);
    }
    await this.#saveRound().catch((error) => this.#roundFailed(error));
  }

  /** Send what is unsent. Returns how many scans this gate had begun to decide before. */
  async #sendAll(): Promise<number> {
    const decided = this.decided;
    try {
      const { store, api } = this.#device;
      const { deferred } = this.#device;
      const isAll = await sendScans(store, api, (done) => this.#settle(done), this.#mostScans, deferred);
      if (isAll) this.#mostScans = MOST_SCANS;
    } catch (error) {
      const sent = Math.min(this.#mostScans, this.#device.unsent || 1);
      if (error instanceof Unreachable) this.#mostScans = Math.ceil(sent / 2);
      throw error;
    }
    return decided;
  }

  /** Go online once no scan was decided here since all were sent: the server has to know of each. */
  async #goOnlineWhenSent(decided: number): Promise<void> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const isSent = await this.#device.inTurn(async () => {
        if (this.decided !== decided) return false;
        this.#device.goOnline();
        return true;
      });
      if (isSent) return;
      decided = await this.#sendAll();
    }
  }

  /** Forget the visitors: the session has ended, or the server takes nothing of this device any more. */
  async end(refused: Refused): Promise<void> {
    const problem = NOT_ENROLLED.find((code) => code === refused.code) ?? null;
    if (problem !== null) {
      this.#isTold = true;
      await this.#device.enrolled(problem);
    }
    await this.#device.forget();
    // A browser that a guard signs in on after its device was revoked has no device any more.
    if (problem === "device_revoked" || problem === "device_missing") await this.#device.store.forgetDevice().catch(reportStorage);
  }

  async #roundFailed(error: unknown): Promise<void> {
    if (error instanceof Unreachable) {
      this.#device.failures += 1;
      this.#device.goOffline();
    } else if (error instanceof Refused && isEnd(error)) await this.end(error);
    // A full disk or a fault of ours: the gate goes on with what it has, and tries again in the next round.
    else if (!(error instanceof Refused)) console.error("a round of the gate failed", error);
  }

  /**
   * Take a list. One that is refused is noted, and the gate goes on with the one that it has.
   *
   * Of a session that has ended since it was asked for nothing is taken: a new key would be made for it.
   * Returns whether it was taken.
   */
  async #take(ended: number, work: () => Promise<void>): Promise<boolean> {
    try {
      await this.#device.inTurn(async () => {
        this.#requireSame(ended);
        if (!this.#device.isLocked) await work();
      });
      this.#device.listProblem = null;
      return true;
    } catch (error) {
      if (!(error instanceof ListRefused)) throw error;
      if (error.problem !== "unknown_key" || this.#isLate()) this.#device.listProblem = error.problem;
      return false;
    }
  }

  /** Ask for the keys of a list. Returns whether they should have been here by now: then it is forged. */
  #isLate(): boolean {
    this.#device.needManifest();
    this.#newKeySince ??= this.#device.passed();
    return this.#device.passed() - this.#newKeySince >= NEW_KEY_MS;
  }

  /** Reject where the session that asked for something has ended since. */
  #requireSame(ended: number): void {
    if (this.#device.ended !== ended) throw new Refused(401, "signed_out");
  }

  async #signIn(): Promise<void> {
    const { ended, api } = this.#device;
    const session = await api.get<WireSession>("/api/v1/gate/session", FETCH_LIMIT_MS).catch(asSignedOut);
    this.#requireSame(ended);
    await this.#reportWrongPins(session);
    await this.#endLeft(session);
    const held = this.#device.manifest.whole;
    if (held !== null && held.site !== session.site) await this.#device.forget();
    await this.#device.takeSession(session);
    // An exit needs both also after the session has ended.
    this.#device.login = session.login;
    if (session.gate !== null) this.#device.chosen = session.gate;
    else if (!session.gates.includes(this.#device.chosen ?? "")) this.#device.chosen = null;
    await this.#device.remember("login", this.#device.login);
    await this.#device.remember("gate", this.#device.chosen);
  }

  /** Send what this device scanned at the gate before, for which alone a guard of that gate is admitted. */
  async #sendOfOtherGate(refusal: unknown): Promise<never> {
    if (refusal instanceof Refused && refusal.code === "device_of_other_gate") {
      await this.#sendAll().catch(unlessAnswered);
    }
    throw refusal;
  }

  /** Tell whoever leads security of the wrong PINs that have emptied this device; else in the next round. */
  async #reportWrongPins(session: Session): Promise<void> {
    const { wrongPins, api, chosen } = this.#device;
    const gate = session.gate ?? chosen;
    if (wrongPins === null || gate === null) return;
    const body = { gate, scans: [], wrong_pins: wrongPins };
    await api.post("/api/v1/scans/sync", body, FETCH_LIMIT_MS).then(() => this.#device.noteWrongPins(null), unlessAnswered);
  }

  /** End a session that the guard has ended here without a network. Another one goes on. */
  async #endLeft({ login, until }: Session): Promise<void> {
    const { leaving, api } = this.#device;
    if (leaving === null) return;
    const isIt = leaving.login === login && leaving.until === until;
    if (isIt) await api.command("DELETE", "/api/v1/sessions/current", null, FETCH_LIMIT_MS);
    await this.#device.left(null);
    if (isIt) throw new Refused(401, "signed_out");
  }

  /** Tell the ADO Branch how this device is. A server that cannot take it now stops no gate. */
  async #report(): Promise<void> {
    const { session, api, manifest, unsent, version, store } = this.#device;
    const now = this.#device.passed();
    if (session === null || session.device === null) return;
    // Revoking the device ends the session that it has reported: a new one has to be known at once.
    const who = `${session.login} ${session.until}`;
    if (who === this.#reportedFor && now - this.#reportedAt < REPORT_MS) return;
    // A locked app lets nobody in, and fetches the list before it does again: its age is no alarm.
    const held = manifest.ageS(this.#device.now());
    const age = this.#device.isLocked ? ((await store.setting<number>("listAgeS")) ?? null) : held;
    if (!this.#device.isLocked) await this.#device.remember("listAgeS", age);
    const body = { version, list_age_s: age === null ? null : Math.round(age), unsent };
    [this.#reportedAt, this.#reportedFor] = [now, who];
    try {
      await api.command("POST", "/api/v1/gate/device/report", body, FETCH_LIMIT_MS);
    } catch (error) {
      if (error instanceof Refused && isEnd(error)) throw error;
      unlessAnswered(error);
    }
  }

  #settle(done: readonly Settled[]): void {
    this.#device.unsent -= done.length;
    for (const { nonce, problem, isKnown, at } of done) {
      this.#device.manifest.settle(nonce);
      if (problem === null) continue;
      this.#device.refused = [...this.#device.refused, { nonce, problem, isKnown, at: at ?? iso(this.#device.now()) }];
    }
    this.#device.changed();
  }

  /** Fetch what has changed in the manifest; all of it where that cannot be taken, or too much has. */
  async #fetchManifest(): Promise<void> {
    const gate = this.#device.gate();
    if (gate === null || this.#device.isLocked || this.#device.passed() - this.#device.manifestAt < MANIFEST_MS) return;
    const [began, needed] = [this.#device.passed(), this.#device.needed];
    const isDelta = await this.#fetchPages(gate, this.#device.manifest.revision(gate));
    if (isDelta) await this.#fetchPages(gate, null);
    if (this.#device.needed === needed) this.#device.manifestAt = began;
  }

  /** Fetch a manifest and take it. Returns whether it is a delta that was not taken. */
  async #fetchPages(gate: string, since: string | null): Promise<boolean> {
    const { api, ended, manifest } = this.#device;
    const isAsked = this.#device.manifestAt === -Infinity;
    const sent = [...manifest.moves].filter((move) => move.sent);
    const before = new Set(sent.map((move) => move.nonce));
    const pages: WireManifest[] = [];
    let from = since === null ? "" : `&since=${encodeURIComponent(since)}`;
    for (let after: string | null = ""; after !== null; after = pages.at(-1)?.next ?? null) {
      if (after !== "") from = `&after=${encodeURIComponent(after)}`;
      const path = `/api/v1/gate/manifest?gate=${encodeURIComponent(gate)}&limit=${PAGE}${from}`;
      pages.push(await api.get<WireManifest>(path, PAGE_LIMIT_MS));
    }
    const isTaken = await this.#take(ended, async () => {
      const listed = manifest.revoked.held;
      const keys = manifest.keyNames;
      this.#endedMoves.push(...(await manifest.replace(pages, gate, this.#device.now(), before, this.asked)));
      if (isAsked || keys !== manifest.keyNames) this.#manifestStoredAt = -Infinity;
      await this.#storeStatus(listed); // first: a start goes by it, whatever the manifest has
      await this.#storeManifest();
    });
    return !isTaken && pages[0]?.base != null;
  }

  async #storeManifest(): Promise<void> {
    const { manifest, store } = this.#device;
    const [now, ended] = [this.#device.passed(), this.#endedMoves];
    if (manifest.whole === null || now - this.#manifestStoredAt < STORE_MANIFEST_MS) return;
    try {
      await store.saveManifest(manifest.whole, ended);
      [this.#manifestStoredAt, this.#endedMoves] = [now, []];
    } catch (error) {
      reportStorage(error);
    }
  }

  /** Fetch the list unless the news have just brought it: a newer one is not signed yet. */
  async #fetchDueStatus(): Promise<void> {
    const ageMs = this.#device.now() - this.#device.manifest.revoked.signedMs;
    if (ageMs < 0 || ageMs >= STATUS_MS || this.#device.listProblem !== null) await this.#fetchStatus();
  }

  /** Fetch what has changed on the list of revoked passes; the whole list where that cannot be taken. */
  async #fetchStatus(): Promise<void> {
    if (this.#device.manifest.whole === null) return;
    const { mark } = this.#device.manifest.revoked;
    const isDelta = await this.#fetchList(mark === null ? "" : `?held=${mark}`);
    if (isDelta) await this.#fetchList("");
  }

  /** Fetch a list and take it. Returns whether it is a delta that was not taken. */
  async #fetchList(query: string): Promise<boolean> {
    const { ended, api, manifest } = this.#device;
    const path = `/.well-known/pass-status${query}`;
    const jws = await api.text(path, FETCH_LIMIT_MS).catch(unlessAnswered);
    if (jws === null) return false;
    const isTaken = await this.#take(ended, async () => {
      if (jws === "") return; // there is no newer list
      const before = manifest.revoked.held;
      if (await manifest.takeStatus(jws, this.#device.now())) await this.#storeStatus(before);
    });
    if (isTaken) this.#newKeySince = null;
    return !isTaken && isStatusDelta(jws);
  }

  /** Store the list where a pass has come onto it or gone, or some time has passed: it is large. */
  async #storeStatus(before: HeldStatus | null): Promise<void> {
    const { store, manifest } = this.#device;
    const { held } = manifest.revoked;
    const isSame = before?.digest === held?.digest && this.#device.passed() - this.#storedAt < STORE_STATUS_MS;
    if (held === null || isSame) return;
    this.#storedAt = -Infinity; // until it is stored, the next round stores it
    const now = this.#device.passed();
    await store.saveStatus(held).then(() => (this.#storedAt = now), reportStorage);
  }

  /** Fetch the names of the directory. Without them the guard sees codes, and the gate works all the same. */
  async #fetchNames(): Promise<void> {
    if (this.#device.passed() - this.#device.namesAt < NAMES_MS) return;
    const visits = (this.#device.manifest.whole?.passes ?? []).filter((one) => one.officer !== null);
    const departments = new Set(visits.map((one) => one.department ?? ""));
    const names = await fetchNames(this.#device.api, departments).catch(unlessAnswered);
    if (names === null) return;
    this.#device.names = names;
    this.#device.namesAt = this.#device.passed();
    await this.#device.remember("names", names);
  }

  async #saveRound(): Promise<void> {
    this.#device.unsent = await this.#device.store.countScans(); // another tab may send, too
    await this.#device.store.set("clockOffsetMs", this.#device.api.clock.offsetMs);
    // Also what has passed without an answer: else setting the clock back and opening the app makes it young.
    await this.#device.store.set("latestMs", this.#device.now());
  }
}

/** Return null for a failure that the gateway itself answers with; a network that is gone stays one. */
function unlessAnswered(error: unknown): null {
  if (error instanceof Refused || (error instanceof Unreachable && error.status !== null)) return null;
  throw error;
}

/** Return whether a refusal ends what this device holds, and is not about one request. */
export function isEnd(refused: Refused): boolean {
  return refused.status === 401 || NOT_ENROLLED.some((code) => code === refused.code);
}

/** Throw what it means for a guard that the question who is signed in was refused: somebody else is (403). */
function asSignedOut(error: unknown): never {
  throw error instanceof Refused && error.status === 403 ? new Refused(401, error.code) : error;
}
