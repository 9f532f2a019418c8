// The verdict on an attempt to enter or to leave: services/verify/domain/{passes,verdicts}.py once more.
//
// contracts/samples/gate_cases.json drives both, so that a gate without a network decides as the server
// would. Instants are in milliseconds since 1970. Nothing here reads a clock.
import { GateProblem } from "./model.ts";
import type { Verdict } from "./model.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
/** Indian Standard Time has no summer time. */
const IST = 5.5 * HOUR;
/** How long after its window a party without a recorded exit is presumed gone, unless midnight is sooner. */
const LONGEST_STAY = 6 * HOUR;

/** What a pass allows: on each of its days each person may come in `entries` times. */
export interface Terms {
  site: string;
  /** Null where the pass is for any gate of its site. */
  gate: string | null;
  party: number;
  entries: number;
  /** When entry opens and ends on the first day. */
  validFrom: number;
  validTo: number;
  /** The other days, each by how many days after the first it is, in their order. */
  furtherDays: readonly number[];
  /** Days that fell away, counted in the same way; a day before the first is negative. */
  closedDays: readonly number[];
  /** Whether it is a standing pass, whose code changes each minute. */
  recurring: boolean;
}

/** When entry is open on one day: from `start` until just before `end`. */
export interface Window {
  day: number;
  start: number;
  end: number;
}

/** The state of a pass now; see `Standing` in services/verify/domain/passes.py. */
export interface Standing {
  /** Null where only the revocation is known. */
  terms: Terms | null;
  revoked: boolean;
  inside: number;
  /** All persons ever let in, the last of them on `day`, and those before that day. */
  admitted: number;
  day: number;
  admittedBefore: number;
  /** From when whoever is inside counts as gone. */
  presumedGoneAt: number | null;
}

/** Refusals that a supervisor may set aside: `OVERRIDABLE` in services/verify/domain/verdicts.py. */
const OVERRIDABLE: readonly Verdict[] = [
  "not_yet_valid",
  "expired",
  "day_closed",
  "wrong_gate",
  "already_inside",
  "already_used",
];
/** Marks an entry with a standing pass of which no new code was shown: a picture, paper or the number. */
export const OLD_CODE = "old_code";
/** Begins the mark of an entry with a refusal that a supervisor has set aside. */
const DESPITE = "despite_";

/** Persons at a gate who want to pass. */
export interface Attempt {
  gate: string;
  at: number;
  /** Null where all who may pass do. */
  count: number | null;
  /** Whether the ID shown is one that the pass names. */
  identified: boolean;
  /** Marks of an entry's record. */
  marks: readonly string[];
  /** The refusals that a supervisor has set aside. */
  overrides?: readonly Verdict[];
  /** Until when the code of a standing pass is new; null for any other, and for a typed number. */
  freshUntil: number | null;
  /** Whether the last four of the ID are compared with the pass. */
  compared: boolean;
}

/** The verdict, how many persons pass, how many are then inside, and the day to which an entry counts. */
export interface Decision {
  verdict: Verdict;
  count: number;
  inside: number;
  marks: readonly string[];
  /** Null where an entry counts to no day of the pass. */
  day: number | null;
  /** All that stands against a refused entry, where a supervisor may set all of it aside. */
  overridable: readonly Verdict[];
  /** For those who come in outside of the hours of the pass: when these end for them, else null. */
  until: number | null;
}

const NOBODY = { count: 0, marks: [], day: 0, overridable: [], until: null };

/** Return the standing of a pass of which nothing but its terms is known. */
export function unusedStanding(terms: Terms | null, revoked = false): Standing {
  return { terms, revoked, inside: 0, admitted: 0, day: 0, admittedBefore: 0, presumedGoneAt: null };
}

/** Return the site of a gate, `PCS1` of `PCS1-G1`; an empty text where it is no code of a gate. */
export function siteOf(gate: string): string {
  const at = gate.lastIndexOf("-G");
  return at < 0 ? "" : gate.slice(0, at);
}

/** Return when entry is open so many days after the first day. */
export function windowOf(terms: Terms, day: number): Window {
  return { day, start: terms.validFrom + day * DAY, end: terms.validTo + day * DAY };
}

/** Return when entry is open, day by day. */
export function windowsOf(terms: Terms): Window[] {
  return [0, ...terms.furtherDays].map((day) => windowOf(terms, day));
}

/** Return the date in India of a window: of its middle, whatever the margins are. */
export function dateOf(window: Window): string {
  return dateInIndia(middleOf(window));
}

/** Return the dates in India of a pass for several days; empty for a pass for one day. */
export function daysOf(terms: Terms): string[] {
  const several = terms.furtherDays.length > 0 || terms.closedDays.length > 0;
  return several ? windowsOf(terms).map(dateOf) : [];
}

/**
 * Return the window that is open at an instant, or null.
 *
 * Where the margins of two days overlap, the day changes in the middle of the overlap.
 */
export function windowAt(terms: Terms, at: number): Window | null {
  let nearest: Window | null = null;
  for (const window of windowsOf(terms)) {
    if (at < window.start || at >= window.end) continue;
    if (nearest === null || Math.abs(middleOf(window) - at) < Math.abs(middleOf(nearest) - at))
      nearest = window;
  }
  return nearest;
}

/** Return the window that is open at an instant, else the next one, else the last one. */
export function windowToShow(terms: Terms, at: number): Window {
  return windowAt(terms, at) ?? windowsOf(terms).find((window) => at < window.start) ?? lastWindow(terms);
}

/** Return how many are inside at an instant, without those who are presumed gone by then. */
export function insideAt(standing: Standing, at: number): number {
  return standing.presumedGoneAt !== null && standing.presumedGoneAt <= at ? 0 : standing.inside;
}

/** Return when a party without a recorded exit is presumed gone, given when entry ended on its day. */
export function presumedGoneAt(validTo: number): number {
  const midnight = (Math.floor((validTo + IST) / DAY) + 1) * DAY - IST;
  return Math.min(validTo + LONGEST_STAY, midnight);
}

/**
 * Decide whether persons may come in; the first reason against it is the verdict.
 *
 * Throws {@link GateProblem} (`count_over_party`, `count_over_remaining`): the guard corrects the count.
 */
export function decideEntry(standing: Standing, attempt: Attempt): Decision {
  const { terms } = standing;
  const inside = insideAt(standing, attempt.at);
  const refuse = (verdict: Verdict, overridable: readonly Verdict[] = [], marks: string[] = []): Decision => ({
    ...NOBODY,
    verdict,
    inside,
    overridable,
    marks,
  });
  if (standing.revoked || terms === null) return refuse("revoked");
  const { at } = attempt;
  const day = dayOfEntry(standing, terms, at);
  const left = entriesLeft(standing, terms, day);
  const reasons = reasonsAgainst(terms, attempt, inside, left);
  const overridable = maySetAside(reasons, terms, at) ? reasons : [];
  const overridden = overridable.filter((one) => attempt.overrides?.includes(one));
  const refusal = reasons.find((one) => !overridden.includes(one));
  if (refusal !== undefined) return refuse(refusal, overridable);
  const room = inside < terms.party ? terms.party - inside : terms.party;
  const count = countOf(terms, Math.min(room, left || terms.party), attempt.count);
  const isOld = terms.recurring && (attempt.freshUntil === null || at >= attempt.freshUntil);
  const oldCode = isOld ? [OLD_CODE] : [];
  if (!attempt.identified || (isOld && !attempt.compared)) return refuse("id_mismatch", overridden, oldCode);
  const marks = [...attempt.marks, ...oldCode, ...overridden.map((one) => DESPITE + one)];
  return { ...NOBODY, verdict: "admit", count, inside: inside + count, marks, day, until: untilOf(terms, at) };
}

/**
 * Return the day of a pass to which an entry counts, and never an earlier one: clocks of gates may differ.
 *
 * On a date that is no day of the pass it is null: such an entry takes nothing from the days that are.
 */
export function dayOfEntry(standing: Standing, terms: Terms, at: number): number | null {
  const window = windowAt(terms, at) ?? windowOn(terms, at);
  return window === null ? null : Math.max(window.day, standing.day);
}

/** Return when the hours of a pass end for those who come in outside of them; null within them. */
export function untilOf(terms: Terms, at: number): number | null {
  if (windowAt(terms, at) !== null) return null;
  return Math.max(at, windowOn(terms, at)?.end ?? at);
}

/** Return whether the guard says first how many leave: several are inside, and nobody was counted. */
export function asksHowMany(standing: Standing, attempt: Attempt): boolean {
  return attempt.count === null && standing.inside > 1 && decideExit(standing, attempt).verdict === "exit";
}

/**
 * Let persons leave: as many as were counted, else all who are inside.
 *
 * At the site of the pass an exit is never refused; its oddities become marks.
 */
export function decideExit(standing: Standing, attempt: Attempt): Decision {
  const { terms } = standing;
  if (terms !== null && terms.site !== siteOf(attempt.gate)) {
    return { ...NOBODY, verdict: "wrong_site", inside: standing.inside };
  }
  const count = attempt.count || Math.max(standing.inside, 1);
  const marks: [string, boolean][] = [
    ["late", terms !== null && attempt.at >= terms.validTo && windowAt(terms, attempt.at) === null],
    ["revoked", standing.revoked],
    ["other_gate", terms !== null && terms.gate !== null && terms.gate !== attempt.gate],
    ["no_entry", count > standing.inside],
  ];
  const inside = Math.max(standing.inside - count, 0);
  const applying = marks.filter(([, applies]) => applies).map(([mark]) => mark);
  return { ...NOBODY, verdict: "exit", count, inside, marks: applying };
}

/** Return the state of a pass after a decision: unchanged unless somebody passes the gate. */
export function standingAfter(standing: Standing, decision: Decision): Standing {
  const { terms } = standing;
  if (decision.verdict === "exit") {
    const until = decision.inside > 0 ? standing.presumedGoneAt : null;
    return { ...standing, inside: decision.inside, presumedGoneAt: until };
  }
  if (decision.verdict !== "admit" || terms === null) return standing;
  const { day, admittedBefore } = dayAfter(standing, decision);
  return {
    ...standing,
    inside: decision.inside,
    admitted: standing.admitted + decision.count,
    day,
    admittedBefore,
    presumedGoneAt: presumedGoneAt(decision.until ?? windowOf(terms, day).end),
  };
}

/** Return the day of the last entry after a decision, and how many came in before it or on no day of the pass. */
function dayAfter(standing: Standing, decision: Decision): Pick<Standing, "day" | "admittedBefore"> {
  const { day, admitted, admittedBefore } = standing;
  if (decision.day === null) return { day, admittedBefore: admittedBefore + decision.count };
  return { day: decision.day, admittedBefore: decision.day === day ? admittedBefore : admitted };
}

function middleOf(window: Window): number {
  return window.start + (window.end - window.start) / 2;
}

function lastWindow(terms: Terms): Window {
  return windowOf(terms, terms.furtherDays.at(-1) ?? 0);
}

function dateInIndia(at: number): string {
  return new Date(at + IST).toISOString().slice(0, 10);
}

/** Return the window of the date of an instant, also while entry is closed; null on another day. */
function windowOn(terms: Terms, at: number): Window | null {
  return windowsOf(terms).find((window) => dateOf(window) === dateInIndia(at)) ?? null;
}

/** Return all reasons against an entry, the first first. */
function reasonsAgainst(terms: Terms, attempt: Attempt, inside: number, left: number): Verdict[] {
  const reasons: (Verdict | null)[] = [
    wrongPlace(terms, attempt),
    windowAt(terms, attempt.at) === null ? closedBecause(terms, attempt.at) : null,
    inside >= terms.party ? "already_inside" : null,
    left === 0 ? "already_used" : null,
  ];
  return reasons.filter((one) => one !== null);
}

/** Return whether a supervisor may set all reasons aside: those about the time on a day of the pass. */
function maySetAside(reasons: readonly Verdict[], terms: Terms, at: number): boolean {
  const isItsDay = (windowAt(terms, at) ?? windowOn(terms, at)) !== null || isClosedAt(terms, at);
  return isItsDay && reasons.every((one) => OVERRIDABLE.includes(one));
}

function isClosedAt(terms: Terms, at: number): boolean {
  return terms.closedDays.some((day) => dateOf(windowOf(terms, day)) === dateInIndia(at));
}

function wrongPlace(terms: Terms, attempt: Attempt): Verdict | null {
  if (terms.site !== siteOf(attempt.gate)) return "wrong_site";
  return terms.gate === null || terms.gate === attempt.gate ? null : "wrong_gate";
}

function closedBecause(terms: Terms, at: number): Verdict {
  if (isClosedAt(terms, at)) return "day_closed";
  return at >= lastWindow(terms).end ? "expired" : "not_yet_valid";
}

/** Return how many persons the pass still lets in on a day; null is a date that is no day of it. */
function entriesLeft(standing: Standing, terms: Terms, day: number | null): number {
  const onThatDay = day !== null && day <= standing.day ? standing.admitted - standing.admittedBefore : 0;
  return Math.max(terms.party * terms.entries - onThatDay, 0);
}

/** Return how many come in, at most those who remain; a pass does not name who came. */
function countOf(terms: Terms, remaining: number, wanted: number | null): number {
  if (wanted === null) return remaining;
  if (wanted > terms.party) throw new GateProblem("count_over_party");
  if (wanted > remaining) throw new GateProblem("count_over_remaining");
  return wanted;
}
