// The pass behind a scan, by what this gate holds, and whether an ID is one that it names.
import { commit } from "./commitments.ts";
import type { Scanned } from "./identity.ts";
import { termsOf } from "./manifest.ts";
import type { HeldPass, Manifest } from "./manifest.ts";
import type { Direction } from "./model.ts";
import { claimsWithoutKey, readPass } from "./tokens.ts";
import type { PassClaims } from "./tokens.ts";
import { unusedStanding } from "./verdicts.ts";
import type { WireIdCheck, WireScan } from "./wire.ts";

/** What was found behind a scan without the server: a pass, or why there is none. */
export type Found =
  | { held: HeldPass; claims: PassClaims | null }
  | { outcome: "unreadable" | "bad_signature" | "unknown_pass" };

/** Return the pass behind a scan, by what this gate holds. */
export async function find(manifest: Manifest, scanned: Scanned, direction: Direction): Promise<Found> {
  const isExit = direction === "exit";
  if ("number" in scanned) {
    const held = manifest.find(scanned.number);
    if (held !== null) return { held, claims: null };
    return isExit ? { held: unknownPass(scanned.number), claims: null } : { outcome: "unknown_pass" };
  }
  const read = await readPass(scanned.token, manifest.keys, manifest.issuer);
  if ("claims" in read) return foundByClaims(manifest, read.claims);
  const peeked = isExit ? claimsWithoutKey(scanned.token, manifest.keys) : null;
  return peeked === null ? { outcome: read.refused } : foundByClaims(manifest, peeked);
}

function foundByClaims(manifest: Manifest, claims: PassClaims): Found {
  const held = manifest.find(claims.jti, claims) ?? unknownPass(claims.jti);
  // Of a pass that is revoked and not in the manifest, the token still has the terms.
  const terms = held.standing.terms ?? termsOf(claims);
  return { held: { ...held, standing: { ...held.standing, terms } }, claims };
}

/** Return until when the code of a standing pass is new; null for any other, and for a typed number. */
export function freshUntilOf(claims: PassClaims | null): number | null {
  return claims === null || claims.fresh === null ? null : claims.fresh * 1000;
}

/** Return whether the ID shown is one that the pass names and was compared with it, and the marks of the check. */
export async function identify(
  subtle: SubtleCrypto,
  held: HeldPass,
  claims: PassClaims | null,
  check: WireIdCheck | null,
): Promise<{ identified: boolean; compared: boolean; marks: string[] }> {
  const uncompared = { identified: true, compared: false };
  if (check?.kind === "seen") return { ...uncompared, marks: ["id_seen"] };
  if (check?.kind !== "matched") return { ...uncompared, marks: ["other_id"] };
  // Only the manifest has the key of the commitments. Without it the server compares the ID later.
  if (!held.wire?.commitment_key) return { ...uncompared, marks: ["id_unchecked"] };
  const shown = await commit(subtle, held.wire.commitment_key, check.id_type, check.id_last4);
  const named = [...held.wire.id_commitments, claims?.idc];
  return { identified: named.includes(shown), compared: true, marks: [] };
}

/** Return the number of the pass that was scanned, or null by a token not of ours. */
export async function passOf(manifest: Manifest, request: WireScan): Promise<string | null> {
  if (request.token === undefined) return request.pass_number ?? null;
  const read = await readPass(request.token, manifest.keys, manifest.issuer);
  return "claims" in read ? read.claims.jti : null;
}

/** Return the pass that a scan names, also by a token whose key is new here; null where it names none. */
export async function passNamed(manifest: Manifest, scanned: Scanned | null): Promise<string | null> {
  const found = scanned && (await find(manifest, scanned, "exit"));
  return found && "held" in found ? found.held.number : null;
}

/** Return a pass of which nothing is known, and whose people go out all the same. */
function unknownPass(number: string): HeldPass {
  return { number, standing: unusedStanding(null), insideSince: null, lastGate: null, wire: null };
}
