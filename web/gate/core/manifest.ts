// What the gate holds for the time without a network: passes, keys, the list of revoked passes, their age.
//
// The server's manifest is the base; what this gate has done since is replayed on it (`Move`), so that the
// next scan sees the last one. Nothing here reads a clock or stores anything.
import type { Assistance, Companion, IdType, Movement, PlateHit, Telephones, Trust } from "./model.ts";
import type { WireSupervisorKey } from "./pin.ts";
import { isPlate, namesPlate } from "./plates.ts";
import { ListRefused, TOLERANCE_MS } from "./refusals.ts";
import { RevokedList, read } from "./revoked.ts";
import { servedBy } from "./served.ts";
import { importKeys } from "./tokens.ts";
import type { Keys, PassClaims } from "./tokens.ts";
import { insideAt, standingAfter, untilOf, unusedStanding, windowAt, windowToShow } from "./verdicts.ts";
import type { Standing, Terms } from "./verdicts.ts";

/** So many nonces are remembered after their moves. */
const MOST_ENDED = 10_000;
/** What counts until a site has said otherwise. */
const NO_POLICY: OfflinePolicy = { green_s: 900, amber_s: 14_400, then: "refuse" };

const NO_TELEPHONES: Telephones = { reception: "", security: "" };

/** How far a gate without a network trusts its list, by its age in seconds. */
export interface OfflinePolicy {
  green_s: number;
  amber_s: number;
  then: "refuse" | "supervisor";
}

/** The state of a pass as the server writes it: `ManifestPass` in contracts/rpc/verify/manifests.py. */
export interface WireStanding {
  pass: string;
  site: string;
  gate: string | null;
  party: number;
  entries: number;
  valid_from: string;
  valid_to: string;
  further_days: number[];
  closed_days: number[];
  recurring?: boolean;
  revoked: boolean;
  inside: number;
  admitted: number;
  day: number;
  admitted_before: number;
  presumed_gone_at: string | null;
}

export interface WirePerson {
  name: string;
  name_latin: string;
  id_type?: IdType | null;
  guardian?: { name: string } | null;
}

export interface WireCompanion {
  name: string;
  name_latin?: string;
  id_type?: IdType | null;
  child?: boolean;
}

export interface WirePass extends WireStanding {
  reference: string | null;
  inside_since: string | null;
  last_gate: string | null;
  id_commitments: string[];
  commitment_key: string;
  applicant: WirePerson | null;
  companions: WireCompanion[];
  vehicle: string | null;
  vehicle_allowed: boolean;
  assistance: Assistance | null;
  department: string | null;
  officer: string | null;
  call_supervisor: boolean;
  /** As in a `ScanResult`. */
  undelivered?: boolean;
  /** Another one after each change. */
  version: string;
}

/**
 * Which movements a manifest has, by their transactions: `ManifestSnapshot` in
 * contracts/rpc/verify/manifests.py.
 */
export interface WireSnapshot {
  timeline: number;
  all_before: number;
  none_from: number;
}

/** A page of `GET /api/v1/gate/manifest`. */
export interface WireManifest {
  gate: string;
  site: string;
  gates: string[];
  made_at: string;
  issuer: string;
  keys: { kid: string; x: string }[];
  withdrawn: string[];
  status_list: string | null;
  complete_at: string | null;
  offline: OfflinePolicy;
  /** Whom the gate telephones. */
  telephones: Telephones;
  /** For so many of a hundred passes a day the last four of the ID are asked for. */
  digits?: number;
  /** Those of the site who have a PIN. */
  supervisors: WireSupervisorKey[];
  /** Whether the site asks for a supervisor, also where every PIN is void. */
  supervisor_demanded: boolean;
  passes: WirePass[];
  next: string | null;
  /** On the first page; by it the gate asks for what has changed since. */
  revision?: string | null;
  /** Which movements it has; null where its pages are of two timelines. */
  snapshot: WireSnapshot | null;
  /** Of a delta: the revision that it changes, which passes go, and the digest of those that are held then. */
  base?: string | null;
  gone?: string[];
  digest?: string | null;
}

/** People who passed a gate since the server's manifest was made: this gate, or another that told of it. */
export interface Move {
  nonce: string;
  pass: string;
  verdict: "admit" | "exit";
  count: number;
  /** How many were inside then, where the server has said it, or all went out; else the count says it. */
  insideAfter: number | null;
  /** The day of the pass to which an entry counts; null where it counts to none. */
  day: number | null;
  at: number;
  gate: string;
  /** Whether the server has it. */
  sent: boolean;
  /** What the token says, where the manifest lacks the pass: its people are inside all the same. */
  terms?: Terms;
}

/** A pass with what this gate has done since. */
export interface HeldPass {
  number: string;
  standing: Standing;
  insideSince: string | null;
  lastGate: string | null;
  /** Null where only the token is known. */
  wire: WirePass | null;
}

/** Return the state of a pass as the server sent it. */
export function standingOf(wire: WireStanding): Standing {
  const terms: Terms = {
    site: wire.site,
    gate: wire.gate,
    party: wire.party,
    entries: wire.entries,
    validFrom: Date.parse(wire.valid_from),
    validTo: Date.parse(wire.valid_to),
    furtherDays: wire.further_days,
    closedDays: wire.closed_days,
    recurring: wire.recurring ?? false,
  };
  return {
    terms,
    revoked: wire.revoked,
    inside: wire.inside,
    admitted: wire.admitted,
    day: wire.day,
    admittedBefore: wire.admitted_before,
    presumedGoneAt: wire.presumed_gone_at === null ? null : Date.parse(wire.presumed_gone_at),
  };
}

/** Return the terms that a token carries. */
export function termsOf(claims: PassClaims): Terms {
  const { site, gate, party, entries, nbf, exp, days, fresh } = claims;
  const window = { validFrom: nbf * 1000, validTo: exp * 1000 };
  return { site, gate, party, entries, ...window, furtherDays: days, closedDays: [], recurring: fresh !== null };
}

/** Return the terms of a pass that the manifest lacks; its moves carry them. */
export function termsBeside({ wire, standing }: HeldPass): Terms | undefined {
  return wire === null ? (standing.terms ?? undefined) : undefined;
}

/** Whether nothing but its token speaks for a pass: no event of it has reached the server, or not this gate. */
export function isUnvouched({ wire }: HeldPass): boolean {
  return wire === null || wire.reference === null;
}

/** Return what is left of a pass without those whom it names: as if the server had not heard of them yet. */
export function withoutPeople(wire: WirePass): WirePass {
  const who = { reference: null, applicant: null, companions: [], vehicle: null, assistance: null };
  return { ...wire, ...who, department: null, officer: null, id_commitments: [], commitment_key: "" };
}

/** Return a companion as the screens show it. */
export function companionOf(wire: WireCompanion): Companion {
  const { name, name_latin: latin = "", id_type: idType = null, child = false } = wire;
  return { name, nameLatin: latin || name, idType, child };
}

/** Return how far a list of this age is trusted; without any list nothing is. */
export function trustOf(ageS: number | null, policy: OfflinePolicy): Trust {
  if (ageS !== null && ageS <= policy.green_s) return "green";
  if (ageS !== null && ageS <= policy.amber_s) return "amber";
  return ageS !== null && policy.then === "supervisor" ? "supervisor" : "refused";
}

/** What the gate holds, in memory. */
export class Manifest {
  /** All pages as one; null before the first, and after the end of the session. */
  whole: WireManifest | null = null;
  #served: WireManifest | null = null;
  #passes = new Map<string, WirePass>();
  #keys: Keys = { good: new Map(), withdrawn: new Set() };
  /** The list of revoked passes. */
  readonly revoked = new RevokedList();
  #moves = new Map<string, Move>();
  #movesOf = new Map<string, Move[]>();
  /** Nonces of moves that are in the manifest by now: they may be told once more. */
  #ended = new Set<string>();

  get keys(): Keys {
    return this.#keys;
  }

  /** The names of the keys, to see whether they have changed. */
  get keyNames(): string {
    return [...this.#keys.good.keys(), "/", ...this.#keys.withdrawn].join();
  }

  get issuer(): string {
    return this.whole?.issuer ?? "";
  }

  get policy(): OfflinePolicy {
    return this.whole?.offline ?? NO_POLICY;
  }

  get telephones(): Telephones {
    return this.whole?.telephones ?? NO_TELEPHONES;
  }

  get supervisors(): readonly WireSupervisorKey[] {
    return this.whole?.supervisors ?? [];
  }

  get digits(): number {
    return this.whole?.digits ?? 0;
  }

  /** Whether a supervisor is asked for, also where none of them can agree now. */
  get demandsSupervisor(): boolean {
    return this.whole?.supervisor_demanded ?? false;
  }

  get size(): number {
    return this.#passes.size;
  }

  get moves(): Iterable<Move> {
    return this.#moves.values();
  }

  /** Return the revision of what the server has sent for a gate, or null where it has to send all. */
  revision(gate: string): string | null {
    return this.#served?.gate === gate ? (this.#served.revision ?? null) : null;
  }

  /**
   * Take a fetched manifest in place of the held one, or what has changed since.
   *
   * Moves that the server had before the fetch began are in it, and end here. Those that it got meanwhile may
   * be in it or not: their passes stay as they were, until the next fetch. Unsent ones are replayed on it.
   *
   * Args: the pages in their order, the gate that asked, the time now, the nonces of the moves that the server
   * had before, and the passes of which it is asked at this moment: they stay as they were, too. Returns the nonces of the moves that ended.
   *
   * Rejects with {@link ListRefused}.
   */
  async replace(
    pages: readonly WireManifest[],
    gate: string,
    now: number,
    before: ReadonlySet<string>,
    asked: Iterable<string> = [],
  ): Promise<string[]> {
    const [first] = pages;
    if (first === undefined || pages.some((page) => page.gate !== gate)) throw new ListRefused("other_gate");
    const madeAt = Date.parse(first.made_at);
    if (!(madeAt <= now + TOLERANCE_MS)) throw new ListRefused("future");
    const held = this.whole;
    const isOlder = held !== null && madeAt < Date.parse(held.made_at) - TOLERANCE_MS;
    if (isOlder && held.site === first.site) throw new ListRefused("rolled_back");
    const served = await servedBy(pages, this.#served);
    const whole = { ...served };
    const keys = await importKeys(whole.keys, whole.withdrawn);
    if (whole.status_list !== null && !(await hasKey(whole.status_list, keys, whole.issuer, now))) {
      whole.status_list = null; // verify hears of a new key a moment after the gateway: the list comes by itself
    }
    const passes = new Map(whole.passes.map((one) => [one.pass, one]));
    const since = [...this.#moves.values()].filter((move) => move.sent && !before.has(move.nonce));
    const stay = new Set([...asked, ...since.map((move) => move.pass)]);
    for (const number of stay) {
      const old = this.#passes.get(number);
      if (old !== undefined) passes.set(number, old);
      else stay.delete(number);
    }
    whole.passes = [...passes.values()];
    // A pass that stays as it was needs all that was done since, or it could be used twice.
    const [kept, over] = [[] as Move[], [] as Move[]];
    for (const move of this.#moves.values())
      (stay.has(move.pass) || !before.has(move.nonce) ? kept : over).push(move);
    const ended = over.map((move) => move.nonce);
    this.#ended = new Set([...[...this.#ended].slice(-MOST_ENDED), ...ended]);
    this.#hold(whole, passes, keys, kept);
    this.#served = served;
    if (whole.status_list !== null) await this.#takeNewer(whole.status_list, now);
    return ended;
  }

  /** Hold what was stored: it was checked when it came. */
  async restore(whole: WireManifest, moves: readonly Move[]): Promise<void> {
    const keys = await importKeys(whole.keys, whole.withdrawn);
    this.#hold(whole, new Map(whole.passes.map((one) => [one.pass, one])), keys, moves);
  }

  /**
   * Take a signed list of revoked passes, or a delta to it, if it is newer. Returns whether it is.
   *
   * Rejects with {@link ListRefused}.
   */
  takeStatus(jws: string, now: number): Promise<boolean> {
    return this.revoked.take(jws, this.#keys, this.issuer, now);
  }

  /** Forget whom the passes name. The next fetch brings all of it again. */
  forgetPeople(): void {
    if (this.whole === null) return;
    const passes = [...this.#passes].map(([number, wire]) => [number, withoutPeople(wire)] as const);
    this.#passes = new Map(passes);
    this.whole = { ...this.whole, passes: [...this.#passes.values()] };
    this.#served = null;
  }

  /** Forget everything about visitors. */
  clear(): void {
    this.whole = null;
    this.#served = null;
    this.#passes = new Map();
    this.#keys = { good: new Map(), withdrawn: new Set() };
    this.revoked.clear();
    this.#moves = new Map();
    this.#movesOf = new Map();
  }

  /**
   * Distrust what is from the future: a clock was ahead, so nobody knows how old it is. Returns whether anything is.
   *
   * It counts as just too old for green from now on, so that the guard is warned and whatever is right is newer.
   */
  distrustFuture(now: number): boolean {
    const latest = now + TOLERANCE_MS;
    const past = now - (this.policy.green_s + 1) * 1000;
    const isListed = this.revoked.signedMs > latest;
    if (isListed) this.revoked.date(past);
    const { whole } = this;
    const isMade = whole !== null && Date.parse(whole.made_at) > latest;
    if (isMade) whole.made_at = new Date(now).toISOString();
    const isComplete = Date.parse(whole?.complete_at ?? "") > latest;
    if (whole !== null && isComplete) whole.complete_at = new Date(past).toISOString();
    const isDistrusted = isListed || isMade || isComplete;
    // The held list has its numbers. Once its time has come, it would pass for newer than that at the next start.
    if (whole !== null && isDistrusted) whole.status_list = null;
    return isDistrusted;
  }

  /** Return the age of what is known of revocations, in whole seconds, or null where nothing is. */
  ageS(now: number): number | null {
    const complete = this.whole?.complete_at ? Date.parse(this.whole.complete_at) : -Infinity;
    const newest = Math.max(complete, this.revoked.signedMs);
    return Number.isFinite(newest) ? Math.max(Math.floor((now - newest) / 1000), 0) : null;
  }

  /** Return a pass of the manifest; with its claims also one that is known by its token alone, else null. */
  find(number: string, claims: PassClaims | null = null): HeldPass | null {
    return this.#find(number, claims, () => true);
  }

  #find(number: string, claims: PassClaims | null, isCounted: (move: Move) => boolean): HeldPass | null {
    const wire = this.#passes.get(number) ?? null;
    const moves = this.#movesOf.get(number) ?? [];
    const terms = claims === null ? (moves.find((move) => move.terms)?.terms ?? null) : termsOf(claims);
    if (wire === null && terms === null && !this.revoked.has(number)) return null;
    const base = wire !== null ? standingOf(wire) : unusedStanding(terms);
    const held: HeldPass = {
      number,
      standing: { ...base, revoked: base.revoked || this.revoked.has(number) },
      insideSince: wire?.inside_since ?? null,
      lastGate: wire?.last_gate ?? null,
      wire,
    };
    return moves.filter(isCounted).reduce(replay, held);
  }

  /**
   * Return the passes that name the vehicle whose plate, or the end of it, was typed, as verify does; none that was
   * revoked and is outside.
   */
  withPlate(typed: string, at: number): PlateHit[] {
    if (!isPlate(typed)) return [];
    const named = [...this.#passes.values()].filter(({ vehicle }) => vehicle !== null && namesPlate(typed, vehicle));
    const here = named.filter(({ pass }) => !this.revoked.has(pass) || (this.find(pass)?.standing.inside ?? 0) > 0);
    return here.map((wire) => {
      const { pass, applicant, vehicle, party, department } = wire;
      const standing = this.find(pass)?.standing ?? standingOf(wire);
      const terms = standing.terms;
      if (terms !== null && insideAt(standing, at) === 0 && windowAt(terms, at) === null) {
        const { start, end } = windowToShow(terms, at);
        return { number: null, department, validFrom: new Date(start).toISOString(), validTo: new Date(end).toISOString() };
      }
      return { number: pass, name: applicant?.name_latin || applicant?.name || "", vehicle: vehicle ?? "", party };
    });
  }

  /** Return the passes whose party is inside. */
  inside(): HeldPass[] {
    const numbers = new Set([...this.#passes.keys(), ...this.#movesOf.keys()]);
    const found = [...numbers].map((number) => this.find(number));
    return found.filter((held): held is HeldPass => held !== null && held.standing.inside > 0);
  }

  /** Return the passes that may differ from the server's: it lacks moves of them. */
  unsent(): HeldPass[] {
    const found = [...this.#movesOf.keys()].filter((pass) => this.hasUnsent(pass)).map((pass) => this.find(pass));
    return found.filter((held): held is HeldPass => held !== null);
  }

  /**
   * Return whether a movement that the server recorded is in the manifest, or null where nobody can tell.
   *
   * Its transaction says it, unless that was under way while the manifest was made, or a standby was promoted
   * in between. Then what is held of the pass itself says it.
   */
  has({ pass, verdict, count, inside, timeline, transaction }: Movement): boolean | null {
    const snapshot = this.whole?.snapshot;
    if (snapshot != null && timeline === snapshot.timeline) {
      if (transaction < snapshot.all_before) return true;
      if (transaction >= snapshot.none_from) return false;
    }
    const held = this.#find(pass, null, (move) => move.sent)?.standing.inside ?? 0;
    if (held === inside) return true;
    return held + (verdict === "admit" ? count : -count) === inside ? false : null;
  }

  /** Return whether a move was noted before. */
  knows(nonce: string): boolean {
    return this.#moves.has(nonce) || this.#ended.has(nonce);
  }

  /** Return whether the server lacks a move of a pass. */
  hasUnsent(pass: string): boolean {
    return (this.#movesOf.get(pass) ?? []).some((move) => !move.sent);
  }

  /** Take note of people who passed a gate; a move that is known changes nothing. */
  add(move: Move): void {
    if (this.#moves.has(move.nonce)) return;
    this.#moves.set(move.nonce, move);
    this.#movesOf.set(move.pass, [...(this.#movesOf.get(move.pass) ?? []), move]);
  }

  /** Forget a move of which the server has told before this gate has decided the same scan. */
  drop(nonce: string): void {
    const move = this.#moves.get(nonce);
    if (move === undefined) return;
    this.#moves.delete(nonce);
    this.#movesOf.set(
      move.pass,
      (this.#movesOf.get(move.pass) ?? []).filter((one) => one !== move),
    );
  }

  /** Take note that the server has a move. */
  settle(nonce: string): void {
    const move = this.#moves.get(nonce);
    if (move !== undefined) move.sent = true;
  }

  #hold(whole: WireManifest, passes: Map<string, WirePass>, keys: Keys, moves: readonly Move[]): void {
    this.whole = whole;
    this.#passes = passes;
    this.#keys = keys;
    this.#moves = new Map();
    this.#movesOf = new Map();
    for (const move of moves) this.add(move);
  }

  /** Take the list of a manifest, which may be older than the one that came by itself. */
  async #takeNewer(jws: string, now: number): Promise<void> {
    try {
      await this.takeStatus(jws, now);
    } catch (error) {
      if (!(error instanceof ListRefused) || error.problem !== "rolled_back") throw error;
    }
  }
}

/** Return whether a list is genuine, or false where its key is not known. Rejects with {@link ListRefused}. */
async function hasKey(jws: string, keys: Keys, issuer: string, now: number): Promise<boolean> {
  try {
    await read(jws, keys, issuer, now);
    return true;
  } catch (error) {
    if (error instanceof ListRefused && error.problem === "unknown_key") return false;
    throw error;
  }
}

/** Return a pass after one more move at this gate, as `_move` in services/verify/handlers/scan_records.py. */
function replay(held: HeldPass, move: Move): HeldPass {
  const { standing } = held;
  const before = move.verdict === "admit" ? insideAt(standing, move.at) : standing.inside;
  const moved = move.verdict === "admit" ? before + move.count : Math.max(before - move.count, 0);
  const inside = move.insideAfter ?? moved;
  const after = standingAfter(standing, {
    verdict: move.verdict,
    count: move.count,
    inside,
    marks: [],
    day: move.day,
    overridable: [],
    until: move.verdict === "admit" && standing.terms !== null ? untilOf(standing.terms, move.at) : null,
  });
  const arrived =
    move.verdict === "admit" && before === 0 ? new Date(move.at).toISOString() : held.insideSince;
  return { ...held, standing: after, insideSince: inside > 0 ? arrived : null, lastGate: move.gate };
}
