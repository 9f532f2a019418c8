// What a gate holds in memory and on its device: who is signed in, the manifest, and the state that is shown.
//
// The scans (gate.ts) and the rounds (rounds.ts) both work on it. Whatever changes the standing of a pass, or
// the key of what is stored, goes through `inTurn`.
import type { Agreement } from "./agreement.ts";
import { Api } from "./api.ts";
import { NO_NAMES } from "./directory.ts";
import type { Scanned } from "./identity.ts";
import { MOST_WRONG, isGoodPin } from "./lock.ts";
import type { Pin } from "./lock.ts";
import { Manifest, trustOf } from "./manifest.ts";
import type { Move } from "./manifest.ts";
import { GateProblem } from "./model.ts";
import type { Clock, DirectoryNames, GateState, HelpCall, NotEnrolled, RefusedScan, Shown } from "./model.ts";
import type { ListProblem } from "./refusals.ts";
import type { Footing } from "./shown.ts";
import type { Store } from "./store.ts";
import { Deferred } from "./sync.ts";
import type { Session, WireScan, WireSession } from "./wire.ts";

/** For so long the reception rings, and for so long the guard is shown who comes (services/verify/handlers/help_calls.py). */
const RINGS_MS = 900_000;
const ANSWERED_MS = 300_000;
/** For so long after it has ended to ring the guard is told that nobody has answered. */
const UNANSWERED_MS = 900_000;
/** A gateway whose clock is behind makes each right list one from the future: so often that fetches a manifest at once. */
const DISTRUST_MS = 60_000;

export interface Deps {
  fetch: typeof fetch;
  store: Store;
  clock: Clock;
  crypto: Crypto;
  /** Returns a signal that aborts after so many milliseconds; the browser's own unless a test has another. */
  deadline?: (ms: number) => AbortSignal;
  /** The version of the app, which the device reports. */
  version?: string;
  /** Whether guards open the app again by a PIN. */
  locks?: boolean;
  /** For so long without the server the names of visitors stay. */
  keepMs?: number;
}

/** A session that ended here while the server could not be told. */
interface Leaving {
  login: string;
  until: string;
}

/** `WrongPins` in contracts/rpc/verify/offline_scans.py. */
interface WrongPins {
  login: string;
  at: string;
}

/** A pass that was shown and whose party has not come in yet. */
export interface Preview {
  scanned: Scanned;
  shown: Shown;
  request: WireScan;
  /** Of the supervisor who has set aside what stood against it. */
  agreed?: Agreement;
}

export class Device {
  readonly store: Store;
  readonly crypto: Crypto;
  readonly api: Api;
  readonly version: string;
  readonly manifest = new Manifest();
  readonly #locks: boolean;
  readonly #keepMs: number;
  /** Whether nothing of visitors is shown or held until the guard has typed their PIN. */
  isLocked = false;
  /** The PIN of who is signed in, and the server's half that it guards. */
  #pin: Pin | null = null;
  #half: string | null = null;
  #isGuarded = false;
  /** Whether the disk had no room for a PIN: the gate goes on in memory, without a lock. */
  #isFull = false;
  /** When the server has answered last, by its own time. */
  #contactAt = 0;
  /** Whether the names of visitors were deleted since. */
  #areNamesGone = false;
  session: Session | null = null;
  /** Who is signed in, or was last. */
  login: string | null = null;
  chosen: string | null = null;
  names: DirectoryNames = NO_NAMES;
  preview: Preview | null = null;
  notEnrolled: NotEnrolled | null = null;
  leaving: Leaving | null = null;
  /** Whose PIN was typed wrong too often here, and when, until the server knows it. */
  wrongPins: WrongPins | null = null;
  offlineSince: number | null = null;
  /** How many rounds have failed since the last time that the gate went online. */
  failures = 0;
  unsent = 0;
  refused: RefusedScan[] = [];
  readonly deferred = new Deferred();
  /** The newest call for help of this gate, as long as it rings or its answer is new. */
  help: HelpCall | null = null;
  listProblem: ListProblem | null = null;
  /** When these were fetched, by the time that passes. */
  manifestAt = -Infinity;
  namesAt = -Infinity;
  /** How often a manifest was asked for at once. */
  needed = 0;
  /** How many sessions have ended here. */
  ended = 0;
  #distrustedAt = -Infinity;
  readonly #listeners = new Set<() => void>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: Deps) {
    this.store = deps.store;
    this.crypto = deps.crypto;
    this.version = deps.version ?? "";
    this.#locks = deps.locks ?? false;
    this.#keepMs = deps.keepMs ?? Infinity;
    const deadline = deps.deadline ?? ((ms: number) => AbortSignal.timeout(ms));
    this.api = new Api(deps.fetch, deps.clock, deadline, () => this.#distrustFuture());
  }

  close(): void {
    this.#listeners.clear();
    this.store.close();
  }

  state(): GateState {
    const listAgeS = this.manifest.ageS(this.now());
    const deferred = this.deferred.waiting(this.passed());
    const wrong = this.#pin?.wrong ?? 0;
    return {
      lock: this.isLocked ? "locked" : this.#mustChoose() ? "choose" : "open",
      pinLength: this.#pin?.length ?? 0,
      triesLeft: wrong > 0 ? MOST_WRONG - wrong : null,
      namesDeleted: this.#areNamesGone,
      signedIn: this.session !== null,
      endsS: this.session && Math.max(Math.floor((Date.parse(this.session.until) - this.now()) / 1000), 0),
      online: this.offlineSince === null,
      offlineSince: this.offlineSince === null ? null : iso(this.offlineSince),
      notEnrolled: this.notEnrolled,
      leaving: this.leaving !== null,
      unsent: this.unsent,
      refused: this.refused,
      deferred: deferred && { count: deferred.count, until: iso(this.now() + deferred.leftMs) },
      listAgeS,
      listProblem: this.listProblem,
      trust: trustOf(listAgeS, this.manifest.policy),
      clockOffS: this.api.clock.offS,
      site: this.session?.site ?? null,
      gate: this.gate(),
      gates: this.session?.gates ?? [],
      choosesGate: this.session?.gate === null,
      login: this.session?.login ?? null,
      passes: this.manifest.size,
      listComing: this.#isListComing(),
      help: this.#currentHelp(),
      telephones: this.manifest.telephones,
      digits: this.manifest.digits,
      supervisors: this.manifest.supervisors.map((one) => one.login_id).filter((one) => one !== this.session?.login),
      demandsSupervisor: this.manifest.demandsSupervisor,
      directoryNames: this.names,
    };
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  gate(): string | null {
    return this.session?.gate ?? this.chosen;
  }

  requireGate(): string {
    const gate = this.gate();
    if (gate === null) throw new GateProblem("no_gate");
    return gate;
  }

  footing(): Footing {
    const { listAgeS: ageS, trust } = this.state();
    return { offline: this.offlineSince !== null || this.session === null, ageS, trust };
  }

  /** Whether a list is asked for at this moment, and until it is here a right pass may be held up. */
  #isListComing(): boolean {
    const isAsked = this.session !== null && !this.isLocked && this.offlineSince === null && this.gate() !== null;
    const trust = trustOf(this.manifest.ageS(this.now()), this.manifest.policy);
    return isAsked && this.manifestAt === -Infinity && trust !== "green";
  }

  /** Return the call for help that the guard still has to see. That nobody answers is known without a network. */
  #currentHelp(): HelpCall | null {
    if (this.help === null) return null;
    const { answered_at: answeredAt, called_at: calledAt } = this.help;
    if (answeredAt !== null) return this.now() - Date.parse(answeredAt) < ANSWERED_MS ? this.help : null;
    const endsAt = Date.parse(calledAt) + RINGS_MS;
    if (this.now() < endsAt) return this.help;
    return this.now() - endsAt < UNANSWERED_MS ? { ...this.help, unanswered_at: iso(endsAt) } : null;
  }

  now(): number {
    return this.api.clock.now();
  }

  /** Return the milliseconds since some moment: for whatever waits or measures. */
  passed(): number {
    return this.api.clock.passed();
  }

  /** Distrust what is held from the future, also after a restart, and fetch what is right in the next round. */
  #distrustFuture(): void {
    const { manifest, store } = this;
    if (!manifest.distrustFuture(this.now())) return;
    this.listProblem = "undated";
    if (this.passed() - this.#distrustedAt >= DISTRUST_MS) {
      this.#distrustedAt = this.passed();
      this.needManifest();
    }
    const { whole, revoked } = manifest;
    void this.inTurn(async () => {
      if (whole !== null && manifest.whole === whole) await store.saveManifest(whole, []);
      if (revoked.held !== null) await store.saveStatus(revoked.held);
    }).catch(reportStorage);
  }

  async restore(): Promise<void> {
    const { clock } = this.api;
    const offsetMs = (await this.store.setting<number>("clockOffsetMs")) ?? 0;
    clock.restore(offsetMs, (await this.store.setting<number>("latestMs")) ?? 0);
    this.session = (await this.store.setting<Session>("session")) ?? null;
    this.login = (await this.store.setting<string>("login")) ?? null;
    this.chosen = (await this.store.setting<string>("gate")) ?? null;
    this.names = (await this.store.setting<DirectoryNames>("names")) ?? NO_NAMES;
    this.notEnrolled = (await this.store.setting<NotEnrolled>("notEnrolled")) ?? null;
    this.leaving = (await this.store.setting<Leaving>("leaving")) ?? null;
    this.wrongPins = (await this.store.setting<WrongPins>("pinsWrong")) ?? null;
    this.unsent = await this.store.countScans();
    this.refused = await this.store.refusedScans();
    this.#contactAt = (await this.store.setting<number>("contactAt")) ?? this.now();
    this.#areNamesGone = (await this.store.setting<boolean>("namesGone")) ?? false;
    await this.#restoreLock();
    await this.endSession();
    if (this.session !== null && !this.isLocked) await this.#restoreLists();
  }

  /** Begin locked where a PIN guards what is stored. */
  async #restoreLock(): Promise<void> {
    const login = await this.store.guardedBy();
    // Nobody has chosen a PIN before the app ended: without the server's half there is no key.
    if (login === null && this.#locks && !(await this.store.hasKey())) this.store.lock();
    if (login === null) return;
    this.#pin = await this.store.pin(login);
    if (this.#pin === null || login !== this.session?.login) return this.forget();
    [this.isLocked, this.#isGuarded] = [true, true];
    this.store.lock();
  }

  async #restoreLists(): Promise<void> {
    const stored = await this.store.readManifest();
    if (stored === null) return;
    await this.manifest.restore(stored.whole, stored.moves);
    const list = stored.whole.status_list;
    if (stored.status !== null) this.manifest.revoked.hold(stored.status);
    else if (list) await this.manifest.takeStatus(list, this.now()).catch(() => false);
    this.#distrustFuture();
  }

  /**
   * Forget the visitors if the session is over, by this gate's own clock, or their names after too long without
   * the server. Scans stay.
   */
  async endSession(): Promise<void> {
    if (this.session === null) return;
    if (Date.parse(this.session.until) <= this.now()) return this.forget();
    if (this.#areNamesGone || this.now() - this.#contactAt < this.#keepMs) return;
    this.#areNamesGone = true;
    await this.inTurn(async () => {
      this.manifest.forgetPeople();
      await this.store.forgetPeople();
    }).catch(reportStorage);
    await this.remember("namesGone", true);
    this.changed();
  }

  /** Take a session of the server, with its half of the key for what names visitors. */
  async takeSession({ storage_half: half, ...session }: WireSession): Promise<void> {
    const isSame = this.session?.login === session.login && this.session.until === session.until;
    // Who has signed in anew has shown more than a PIN. They begin without what was here.
    if (this.isLocked && !(isSame && this.#locks)) await this.forget();
    // Without the key the gate goes on in memory, and stores nothing of visitors.
    if (this.#locks && !this.isLocked) await this.#takeHalf(session.login, half).catch(reportStorage);
    else if (half && !this.isLocked) await this.inTurn(() => this.store.unlock(half)).catch(reportStorage);
    this.session = session;
    await this.remember("session", session);
    [this.#contactAt, this.#areNamesGone] = [this.now(), false];
    await this.remember("contactAt", this.#contactAt);
    await this.remember("namesGone", false);
    await this.enrolled(null);
  }

  /** Take the server's half, or one of our own where no device is enrolled, and store it under the guard's PIN. */
  async #takeHalf(login: string, served: string | null): Promise<void> {
    const half = served ?? this.#half ?? this.crypto.randomUUID();
    if (half === this.#half && login === this.session?.login) return;
    await this.inTurn(async () => {
      await this.store.unlock(half, false);
      this.#pin = await this.store.pin(login);
      this.#isGuarded = this.#pin !== null;
      if (this.#pin !== null) await this.store.guard(login, this.#pin, half);
      this.#half = half;
    });
  }

  /** Whether the guard has to choose a PIN: not without the server's half, which comes with the network. */
  #mustChoose(): boolean {
    return this.#locks && !this.#isFull && this.session !== null && this.#pin === null && this.#half !== null;
  }

  /** Take the PIN that a guard has chosen. Throws {@link GateProblem}. */
  async choosePin(typed: string): Promise<void> {
    const [login, half] = [this.session?.login, this.#half];
    if (login === undefined || half === null) return;
    if (!isGoodPin(typed)) throw new GateProblem("pin_too_easy");
    try {
      const pin = await this.store.makePin(typed);
      await this.inTurn(async () => {
        if (this.session?.login !== login) return;
        await this.store.guard(login, pin, half);
        [this.#pin, this.#isGuarded] = [pin, true];
      });
    } catch (error) {
      reportStorage(error);
      this.#isFull = true;
    }
    this.changed();
  }

  /** Show and hold nothing of visitors until the PIN is typed; `before` may still store. Without a PIN nothing changes. */
  async lock(before: () => Promise<void>): Promise<void> {
    if (this.isLocked || !this.#isGuarded) return;
    this.isLocked = true;
    this.changed();
    await this.inTurn(async () => {
      await before();
      this.store.lock();
      this.manifest.clear();
      [this.preview, this.#half] = [null, null];
      this.needManifest();
    });
  }

  /** Open what a PIN has locked. Throws {@link GateProblem} where it is wrong; the last wrong one signs the guard out. */
  async unlock(typed: string): Promise<void> {
    const [session, pin] = [this.session, this.#pin];
    if (!this.isLocked || session === null || pin === null) return;
    pin.wrong += 1; // before it is tried: neither to kill the app nor to fill the disk is a way to a further try
    try {
      await this.store.savePin(session.login, pin);
    } catch (error) {
      pin.wrong -= 1;
      reportStorage(error);
      throw new GateProblem("pin_uncounted");
    }
    const half = await this.store.openHalf(pin, typed);
    if (half === null) {
      if (pin.wrong < MOST_WRONG) throw new GateProblem("wrong_pin");
      await this.noteWrongPins({ login: session.login, at: iso(this.now()) });
      await this.leave(true);
      throw new GateProblem("pins_wrong");
    }
    pin.wrong = 0;
    await this.store.savePin(session.login, pin).catch(reportStorage);
    await this.inTurn(async () => {
      if (this.session === null) return; // it has ended meanwhile
      await this.store.unlock(half, false);
      await this.#restoreLists();
      [this.#half, this.isLocked] = [half, false];
    });
    this.changed();
  }

  /** Note whether the server takes anything of this device. */
  async enrolled(problem: NotEnrolled | null): Promise<void> {
    if (this.notEnrolled === problem) return;
    this.notEnrolled = problem;
    await this.remember("notEnrolled", problem);
  }

  /** Forget the visitors, and note that the server has to hear that the session is over. */
  async leave(forgetsPin = false): Promise<void> {
    if (this.session !== null) {
      const { login, until } = this.session;
      await this.left({ login, until });
    }
    await this.forget(forgetsPin);
  }

  async noteWrongPins(noted: WrongPins | null): Promise<void> {
    this.wrongPins = noted;
    await this.remember("pinsWrong", noted);
  }

  async left(leaving: Leaving | null): Promise<void> {
    this.leaving = leaving;
    await this.remember("leaving", leaving);
  }

  async forget(forgetsPin = false): Promise<void> {
    if (forgetsPin && this.session !== null) await this.store.forgetPin(this.session.login);
    this.session = null;
    this.preview = null;
    [this.#pin, this.#half, this.isLocked, this.#isGuarded] = [null, null, false, false];
    this.ended += 1;
    this.manifest.clear();
    this.needManifest();
    await this.remember("session", null);
    // Never between a scan's encryption and its storage.
    await this.inTurn(() => this.store.forgetVisitors());
    this.changed();
  }

  /** Fetch the manifest in the next round, also where one comes at this moment. */
  needManifest(): void {
    this.manifestAt = -Infinity;
    this.needed += 1;
  }

  /** Take note of a movement that the server has. On a full disk it is in memory, which is right as well. */
  async note(move: Move): Promise<void> {
    this.manifest.add(move);
    await this.store.saveMove(move).catch(reportStorage);
  }

  /** Keep a setting for the next start; without it this one goes on. */
  async remember(name: string, value: unknown): Promise<void> {
    await this.store.set(name, value).catch(reportStorage);
  }

  goOffline(): void {
    this.offlineSince ??= this.now();
    this.changed();
  }

  goOnline(): void {
    this.failures = 0;
    this.offlineSince = null;
    this.changed();
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Do one thing after the other, so that no two scans decide on the same standing. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** Say that a full or broken disk did not keep what is in memory: the gate goes on with that. */
export function reportStorage(error: unknown): void {
  console.error("the gate's storage failed", error);
}

export function iso(at: number): string {
  return new Date(at).toISOString();
}
