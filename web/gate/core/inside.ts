// Who is inside, by the server's list or by what this gate holds, and how sure that is.
import type { Api } from "./api.ts";
import type { HeldPass, Manifest } from "./manifest.ts";
import type { InsideEntry } from "./model.ts";
import { windowOf } from "./verdicts.ts";
import type { WireInside } from "./wire.ts";

const LIMIT_MS = 10_000;

/** Fetch who is inside a site, the longest first. Rejects with `Unreachable` or `Refused`. */
export async function fetchInside(
  api: Api,
  site: string,
  gate: string | null,
  now: number,
): Promise<InsideEntry[]> {
  const found: InsideEntry[] = [];
  let after = "";
  for (;;) {
    const path = `/api/v1/gate/inside?site=${encodeURIComponent(site)}&limit=200${after}`;
    const page = await api.get<{ items: WireInside[]; next: string | null }>(path, LIMIT_MS);
    found.push(...page.items.map((one) => entryOf(one, gate, now)));
    if (page.next === null) return found;
    after = `&after=${encodeURIComponent(page.next)}`;
  }
}

/** Return who is inside as far as this gate knows, the longest first. */
export function heldInside(
  manifest: Manifest,
  gate: string | null,
  now: number,
  online: boolean,
): InsideEntry[] {
  const entries = manifest
    .inside()
    .map((held) => heldEntry(held, gate, now, online ? "elsewhere" : "offline"));
  return entries.sort((one, other) => (one.since ?? "").localeCompare(other.since ?? ""));
}

function entryOf(one: WireInside, gate: string | null, now: number): InsideEntry {
  const { name_latin: nameLatin, valid_to: validTo, ...rest } = one;
  const where = one.gate === gate ? "here" : "elsewhere";
  return { ...rest, nameLatin, validTo, certainty: Date.parse(validTo) <= now ? "overdue" : where };
}

function heldEntry(
  held: HeldPass,
  gate: string | null,
  now: number,
  elsewhere: "elsewhere" | "offline",
): InsideEntry {
  const { standing, wire } = held;
  const { terms } = standing;
  const validTo = terms === null ? now : windowOf(terms, standing.day).end;
  return {
    pass: held.number,
    name: wire?.applicant?.name ?? "",
    nameLatin: wire?.applicant?.name_latin ?? "",
    inside: standing.inside,
    party: terms?.party ?? standing.inside,
    since: held.insideSince,
    gate: held.lastGate,
    department: wire?.department ?? "",
    validTo: new Date(validTo).toISOString(),
    certainty: validTo <= now ? "overdue" : held.lastGate === gate ? "here" : elsewhere,
  };
}
