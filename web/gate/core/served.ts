// The manifest as the server has it, which the gate asks to be told the changes of.
//
// What the gate goes by may differ: a pass of which the server is asked at the moment stays as it was
// (manifest.ts). So the served one is held beside it, in memory alone: after a start comes a whole one.
import { digestOf } from "./digest.ts";
import type { WireManifest, WirePass } from "./manifest.ts";
import { ListRefused } from "./refusals.ts";

/** Return the manifest that fetched pages make, or that a delta makes of the held one. */
export async function servedBy(pages: readonly WireManifest[], held: WireManifest | null): Promise<WireManifest> {
  const [first] = pages;
  if (first === undefined) throw new ListRefused("other_gate");
  const passes = merged(pages.flatMap((page) => page.passes));
  if (first.base != null) return applyManifestDelta(held, first);
  const [begin, end] = [first.snapshot, pages.at(-1)?.snapshot];
  const isOne = begin != null && end != null && begin.timeline === end.timeline;
  const snapshot = isOne ? { ...begin, none_from: end.none_from } : null;
  return { ...first, passes, next: null, snapshot };
}

/**
 * Return the manifest that a delta makes of the held one.
 *
 * Rejects with {@link ListRefused}: it is a delta to another one, or makes another one than it says.
 */
export async function applyManifestDelta(held: WireManifest | null, delta: WireManifest): Promise<WireManifest> {
  const isBase = held !== null && held.gate === delta.gate && held.site === delta.site;
  if (!isBase || held.revision == null || held.revision !== delta.base) throw new ListRefused("other_base");
  const gone = new Set(delta.gone);
  const passes = merged([...held.passes.filter((one) => !gone.has(one.pass)), ...delta.passes]);
  const digest = await digestOf(passes.map((one) => `${one.pass}:${one.version}`));
  if (digest !== delta.digest) throw new ListRefused("other_base");
  return { ...delta, passes, next: null };
}

/** Return each pass once, as it came last. */
function merged(passes: readonly WirePass[]): WirePass[] {
  return [...new Map(passes.map((one) => [one.pass, one])).values()];
}
