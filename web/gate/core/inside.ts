// Who is inside, by the server's list and by what this gate holds, and how sure that is.
import type { Api } from "./api.ts";
import { passOf } from "./lookup.ts";
import { companionOf } from "./manifest.ts";
import type { HeldPass, Manifest } from "./manifest.ts";
import type { Found, InsideEntry } from "./model.ts";
import { claimsWithoutKey } from "./tokens.ts";
import { presumedGoneAt, windowOf } from "./verdicts.ts";
import type { QueuedScan, WireInside } from "./wire.ts";

const LIMIT_MS = 10_000;

interface InsidePage {
  items: WireInside[];
  next: string | null;
  /** Gates that are silent or have scans to send, null where nobody knows. */
  offline_gates: string[] | null;
}

/** People who passed a gate, by a scan that waits and of which the manifest has no move. */
interface WaitingMove {
  pass: string;
  verdict: "admit" | "exit";
  /** Null where all went out. */
  count: number | null;
  at: string;
  gate: string;
}

/** Fetch who is inside a site. Rejects with `Unreachable` or `Refused`. */
export async function fetchInside(
  api: Api,
  site: string,
  gate: string | null,
  now: number,
): Promise<InsideEntry[]> {
  const found: InsideEntry[] = [];
  let silent: ReadonlySet<string> | null = new Set();
  let after = "";
  for (;;) {
    const path = `/api/v1/gate/inside?site=${encodeURIComponent(site)}&limit=200${after}`;
    const page = await api.get<InsidePage>(path, LIMIT_MS);
    // The first page alone names them; null where the gateway does not know them.
    if (after === "") silent = page.offline_gates === null ? null : new Set(page.offline_gates);
    found.push(...page.items.map((one) => entryOf(one, gate, silent, now)));
    if (page.next === null) return found;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

/** Return who passed by scans that wait. Nothing vouches for a token whose key is not here: it names people all the same. */
export async function movesOf(manifest: Manifest, waiting: readonly QueuedScan[]): Promise<WaitingMove[]> {
  const moves: WaitingMove[] = [];
  for (const scan of waiting) {
    const { verdict } = scan.offline;
    const pass = (await passOf(manifest, scan)) ?? claimsWithoutKey(scan.token ?? "", manifest.keys)?.jti;
    if (pass === undefined || (verdict !== "admit" && verdict !== "exit")) continue;
    moves.push({ pass, verdict, count: scan.count, at: scan.scanned_at, gate: scan.gate });
  }
  return moves;
}

/**
 * Return who is inside, the longest first.
 *
 * The server's list is the base, or what this gate holds where it does not answer (`served` is null). What
 * the server does not have yet is added: moves of the manifest that are not sent, and scans that wait.
 */
export function whoIsInside(
  served: readonly InsideEntry[] | null,
  manifest: Manifest,
  waiting: readonly WaitingMove[],
  gate: string | null,
  now: number,
): InsideEntry[] {
  const isOnline = served !== null;
  const base = served ?? manifest.inside().map((held) => heldEntry(held, gate, now, isOnline));
  const entries = new Map(base.map((one) => [one.pass, one]));
  for (const held of isOnline ? manifest.unsent() : []) {
    if (held.standing.inside > 0) entries.set(held.number, heldEntry(held, gate, now, isOnline));
    else entries.delete(held.number);
  }
  for (const move of waiting) {
    const known = entries.get(move.pass) ?? emptyEntry(move, manifest, gate, now, isOnline);
    const after = known.inside + (move.verdict === "admit" ? (move.count ?? 1) : -(move.count ?? known.inside));
    if (after <= 0) entries.delete(move.pass);
    else entries.set(move.pass, { ...known, inside: after });
  }
  const named = [...entries.values()].map((one) => ({ ...one, companions: companionsOf(manifest, one.pass) }));
  return named.sort((one, other) => (one.since ?? "").localeCompare(other.since ?? ""));
}

/** Return the ticks that still say something: of the same stay, and of as many people. */
export function stillFound(found: readonly Found[], entries: readonly InsideEntry[]): Found[] {
  const inside = new Map(entries.map((one) => [one.pass, one]));
  return found.filter((tick) => {
    const entry = inside.get(tick.pass);
    return entry !== undefined && instantOf(tick) === instantOf(entry) && tick.inside === entry.inside;
  });
}

const instantOf = ({ since }: { since: string | null }): number => (since === null ? 0 : Date.parse(since));

function entryOf(one: WireInside, gate: string | null, silent: ReadonlySet<string> | null, now: number): InsideEntry {
  const { name_latin: nameLatin, valid_to: validTo, pass, name, inside, party, since, department } = one;
  const where = one.gate === gate ? "here" : (silent?.has(one.gate) ?? true) ? "offline" : "elsewhere";
  const certainty = Date.parse(validTo) <= now ? "overdue" : where;
  return { pass, name, nameLatin, inside, party, since, gate: one.gate, department, companions: [], validTo, certainty };
}

function heldEntry(held: HeldPass, gate: string | null, now: number, isOnline: boolean): InsideEntry {
  const { standing, wire } = held;
  const { terms } = standing;
  const end = terms === null ? now : windowOf(terms, standing.day).end;
  // A supervisor has let them in after the hours of their pass: as in services/verify/handlers/presence.py.
  const gone = standing.presumedGoneAt;
  const isLater = held.insideSince !== null && Date.parse(held.insideSince) >= end;
  const validTo = gone !== null && (isLater || gone !== presumedGoneAt(end)) ? gone : end;
  const elsewhere = isOnline ? "elsewhere" : "offline";
  return {
    pass: held.number,
    name: wire?.applicant?.name ?? "",
    nameLatin: wire?.applicant?.name_latin ?? "",
    inside: standing.inside,
    party: terms?.party ?? standing.inside,
    since: held.insideSince,
    gate: held.lastGate,
    department: wire?.department ?? "",
    companions: [],
    validTo: new Date(validTo).toISOString(),
    certainty: validTo <= now ? "overdue" : held.lastGate === gate ? "here" : elsewhere,
  };
}

/** Return the entry of a party of which only a scan that waits is known, before anybody is in. */
function emptyEntry(
  move: WaitingMove,
  manifest: Manifest,
  gate: string | null,
  now: number,
  isOnline: boolean,
): InsideEntry {
  const held = manifest.find(move.pass);
  const party = held?.standing.terms?.party ?? move.count ?? 1;
  const blank = { pass: move.pass, name: "", nameLatin: "", department: "", validTo: new Date(now).toISOString() };
  const known = held === null ? { ...blank, companions: [] } : heldEntry(held, gate, now, isOnline);
  const certainty = move.gate === gate ? "here" : "offline";
  return { ...known, inside: 0, party, since: move.at, gate: move.gate, certainty };
}

function companionsOf(manifest: Manifest, pass: string): string[] {
  const companions = manifest.find(pass)?.wire?.companions ?? [];
  return companions.map((one) => companionOf(one).nameLatin);
}
