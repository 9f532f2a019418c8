// The digest by which a gate and its server know that they hold the same list: see contracts/list_digest.py.

const LENGTH = 32;

/** Return the digest of a list, in whatever order its lines come. They are ASCII. */
export async function digestOf(lines: Iterable<string>): Promise<string> {
  const bytes = new TextEncoder().encode([...lines].sort().join("\n"));
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("").slice(0, LENGTH);
}
