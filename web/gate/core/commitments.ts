// ID commitments, by which a gate matches an ID whose number it does not hold: contracts/commitment.py.
import { base64url, fromBase64url } from "./tokens.ts";

const BYTES = 8;

/** Return the commitment of an ID under the key of one pass. */
export async function commit(
  subtle: SubtleCrypto,
  key: string,
  idType: string,
  last4: string,
): Promise<string> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const secret = await subtle.importKey("raw", fromBase64url(key), algorithm, false, ["sign"]);
  const digest = await subtle.sign("HMAC", secret, new TextEncoder().encode(`${idType}:${last4}`));
  return base64url(new Uint8Array(digest).subarray(0, BYTES));
}
