// The PIN of a supervisor, as contracts/supervisor_pin.py makes it: a slow key, its verifier, and proofs.
//
// The PIN and its key are in memory for one entry, and are stored nowhere. The verifier is in the manifest,
// which is stored encrypted; whoever has it can try all PINs.
import { base64url, fromBase64url } from "./tokens.ts";

const VERIFIER = "epass supervisor";
const FORM = /^[0-9]{6}$/;

/** `ManifestSupervisor` in contracts/rpc/verify/manifests.py. */
export interface WireSupervisorKey {
  login_id: string;
  salt: string;
  iterations: number;
  verifier: string;
}

/** Return the six digits that were typed, in any script; null where it is anything else. */
export function readPin(typed: string): string | null {
  const digits = typed.trim().replace(/[\u0966-\u096f\u0a66-\u0a6f]/g, (digit) => String((digit.charCodeAt(0) & 15) - 6));
  return FORM.test(digits) ? digits : null;
}

/** Return the key of a PIN. It takes about a second on a cheap phone, which is what slows a thief. */
export async function deriveKey(subtle: SubtleCrypto, pin: string, held: WireSupervisorKey): Promise<CryptoKey> {
  const typed = await subtle.importKey("raw", new TextEncoder().encode(pin), "PBKDF2", false, ["deriveKey"]);
  const { iterations } = held;
  const slow = { name: "PBKDF2", hash: "SHA-256", salt: fromBase64url(held.salt), iterations };
  return subtle.deriveKey(slow, typed, { name: "HMAC", hash: "SHA-256", length: 256 }, false, ["sign"]);
}

/** Return whether this is the key of the supervisor's PIN. */
export async function isKeyOf(subtle: SubtleCrypto, key: CryptoKey, held: WireSupervisorKey): Promise<boolean> {
  return (await sign(subtle, key, VERIFIER)) === held.verifier;
}

/**
 * Return the proof for one scan, and for the refusals that are set aside with it.
 *
 * `scanned` is its token, or its pass number, as it is sent.
 */
export function prove(
  subtle: SubtleCrypto,
  key: CryptoKey,
  nonce: string,
  scanned: string,
  overrides: readonly string[] = [],
): Promise<string> {
  return sign(subtle, key, [nonce, scanned, ...overrides.toSorted()].join("\n"));
}

async function sign(subtle: SubtleCrypto, key: CryptoKey, message: string): Promise<string> {
  return base64url(new Uint8Array(await subtle.sign("HMAC", key, new TextEncoder().encode(message))));
}
