// The strict check of signed tokens: passes and status lists, by issuance's public keys.
//
// It follows RFC 8725 as services/chassis/tokens/verification.py does, and refuses what that refuses with the
// same outcome: contracts/samples/forged_tokens.json drives both. One algorithm (3.1); all claims, their
// issuer and audience checked (3.8, 3.9); kinds of tokens kept apart by `typ` (3.11, 3.12); no key or address
// of a key taken from the token (3.10): a header has exactly `typ`, `alg` and `kid`.
import { compactVerify, errors, importJWK } from "jose";
import { parsePassNumber } from "./identity.ts";

const ALGORITHM = "EdDSA";
const PASS_TYP = "epass+jwt";
const STATUS_TYP = "epass-status+jwt";
const DELTA_TYP = "epass-status-delta+jwt";
const AUDIENCE = "gate";
const MAX_LENGTH = 4_000;
/** A compact JWS (RFC 7515, section 7.1). */
const COMPACT = /^[A-Za-z0-9_-]{1,400}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const KID = /^[A-Za-z0-9_-]{1,8}$/;
/** Base64url characters of the 64 bytes of an Ed25519 signature (RFC 8032, section 5.1.6). */
const SIGNATURE_LENGTH = 86;
const OTHER_ALGORITHMS = ["none", "hs", "rs", "es", "ps"];
/** Header fields that tell a verifier how to check the token (RFC 7515, section 4.1; RFC 7797). */
const OWN_KEYS = ["jwk", "jku", "x5c", "x5u", "crit", "b64"];
/** The last second of the year 9999. */
const LAST_SECOND = 253_402_300_799;

/** No pass has a larger party, or more entries. */
const MOST = 1_000;

/** The claims of a pass: see `PassClaims` in contracts/tokens.py. Instants are in seconds since 1970. */
export interface PassClaims {
  jti: string;
  nbf: number;
  exp: number;
  site: string;
  party: number;
  gate: string | null;
  entries: number;
  idc: string | null;
  days: number[];
  /** Of a standing pass: until when its code is new, 0 of one on paper; null of any other pass. */
  fresh: number | null;
}

/** The claims of a status list: which passes are revoked and have not ended. */
export interface StatusClaims {
  iat: number;
  seq: number;
  revoked: string[];
}

/** The claims of a delta: see `StatusDeltaClaims` in contracts/tokens.py. */
export interface StatusDeltaClaims {
  iat: number;
  seq: number;
  /** The earliest list to which it can be applied, and the digest of that list. */
  since: number;
  base: string;
  /** The digest of the list that it makes. */
  digest: string;
  revoked: string[];
  ended: string[];
}

/** Why a token was refused; the words are those of services/chassis/tokens/verification.py. */
type Reason =
  "malformed" | "header" | "unknown_key" | "withdrawn_key" | "signature" | "issuer" | "audience" | "claims";

export class TokenRefused extends Error {
  readonly reason: Reason;

  constructor(reason: Reason) {
    super(reason);
    this.reason = reason;
  }
}

/** Issuance's public keys by `kid`, and the withdrawn ones. */
export interface Keys {
  good: ReadonlyMap<string, CryptoKey>;
  withdrawn: ReadonlySet<string>;
}

/**
 * What a token comes to at a gate.
 *
 * `bad_signature`: somebody made it. `unreadable`: a scanner may have read a genuine one badly, or its key
 * has not arrived here yet.
 */
export type ReadToken = { claims: PassClaims } | { refused: "bad_signature" | "unreadable" };

/** Return the keys of a manifest, ready to use. Rejects where one is no Ed25519 key. */
export async function importKeys(
  keys: readonly { kid: string; x: string }[],
  withdrawn: readonly string[],
): Promise<Keys> {
  const good = new Map<string, CryptoKey>();
  for (const { kid, x } of keys) {
    if (withdrawn.includes(kid)) continue;
    const key = await importJWK({ kty: "OKP", crv: "Ed25519", x }, ALGORITHM);
    if (key instanceof Uint8Array) throw new TypeError("no public key");
    good.set(kid, key);
  }
  return { good, withdrawn: new Set(withdrawn) };
}

/** Return the claims of a genuine pass, whether or not it is valid now, or what is wrong with it. */
export async function readPass(token: string, keys: Keys, issuer: string): Promise<ReadToken> {
  try {
    return { claims: passClaims(await verify(token, PASS_TYP, keys, issuer)) };
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    return { refused: isForged(token, error.reason, issuer) ? "bad_signature" : "unreadable" };
  }
}

/**
 * Return the claims of a pass whose key this gate does not have, or null: nothing vouches for them.
 *
 * It is for exits alone, which are never refused. The server checks the token later.
 */
export function claimsWithoutKey(token: string, keys: Keys): PassClaims | null {
  const [head = "", payload = ""] = token.split(".");
  try {
    if (!COMPACT.test(token)) return null;
    const kid = kidOf(head, PASS_TYP);
    const claims = looseObject(payload);
    return claims === null || keys.good.has(kid) || keys.withdrawn.has(kid) ? null : passClaims(claims);
  } catch {
    return null;
  }
}

/**
 * Return the claims of a genuine status list, whatever its age.
 *
 * Rejects with {@link TokenRefused}.
 */
export async function readStatusList(token: string, keys: Keys, issuer: string): Promise<StatusClaims> {
  const found = await verify(token, STATUS_TYP, keys, issuer, Infinity);
  const { iat, seq, revoked } = found;
  if (!isInstant(iat) || !isWhole(seq, 0) || !isList(revoked, isText)) throw new TokenRefused("claims");
  return { iat, seq, revoked };
}

/** Return whether a text says that it is a delta. Nothing is verified yet. */
export function isStatusDelta(token: string): boolean {
  return looseObject(token.split(".")[0] ?? "")?.typ === DELTA_TYP;
}

/**
 * Return the claims of a genuine delta to the status list, whatever its age.
 *
 * Rejects with {@link TokenRefused}.
 */
export async function readStatusDelta(token: string, keys: Keys, issuer: string): Promise<StatusDeltaClaims> {
  const found = await verify(token, DELTA_TYP, keys, issuer, Infinity);
  const { iat, seq, since, base, digest, revoked, ended } = found;
  const isMarked = isInstant(iat) && isWhole(seq, 0) && isWhole(since, 0) && isText(base) && isText(digest);
  if (!isMarked || !isList(revoked, isText) || !isList(ended, isText)) throw new TokenRefused("claims");
  return { iat, seq, since, base, digest, revoked, ended };
}

/** Return the payload of a token that issuance has signed for gates. */
async function verify(
  token: string,
  typ: string,
  keys: Keys,
  issuer: string,
  maxLength = MAX_LENGTH,
): Promise<Record<string, unknown>> {
  if (token.length > maxLength || !COMPACT.test(token)) throw new TokenRefused("malformed");
  const [head = "", payload = "", signature = ""] = token.split(".");
  const kid = kidOf(head, typ);
  if (keys.withdrawn.has(kid)) throw new TokenRefused("withdrawn_key");
  const key = keys.good.get(kid);
  if (key === undefined) throw new TokenRefused("unknown_key");
  const bytes = exactBytes(payload);
  if (bytes === null || exactBytes(signature) === null) throw new TokenRefused("malformed");
  try {
    await compactVerify(token, key, { algorithms: [ALGORITHM] });
  } catch (error) {
    if (error instanceof errors.JOSEError) throw new TokenRefused("signature");
    throw error;
  }
  const claims = jsonObject(bytes);
  if (claims === null) throw new TokenRefused("malformed");
  if (!["iss", "aud", "exp"].every((name) => claims[name] !== undefined && claims[name] !== null)) {
    throw new TokenRefused("claims");
  }
  if (claims.iss !== issuer) throw new TokenRefused("issuer");
  if (claims.aud !== AUDIENCE) throw new TokenRefused("audience");
  for (const name of ["exp", "nbf", "iat"]) {
    if (name in claims && !Number.isInteger(claims[name])) throw new TokenRefused("claims");
  }
  if ("sub" in claims && typeof claims.sub !== "string") throw new TokenRefused("claims");
  return claims;
}

/** Return the `kid` of a header that is exactly what issuance writes. Nothing is verified yet. */
function kidOf(head: string, typ: string): string {
  const bytes = exactBytes(head);
  const header = bytes === null ? null : jsonObject(bytes);
  if (header === null) throw new TokenRefused("malformed");
  const fields = Object.keys(header).sort().join();
  if (fields !== "alg,kid,typ" || header.typ !== typ || header.alg !== ALGORITHM)
    throw new TokenRefused("header");
  if (typeof header.kid !== "string" || !KID.test(header.kid)) throw new TokenRefused("header");
  return header.kid;
}

/**
 * Return whether somebody made a refused token, rather than a scanner having read a pass badly.
 *
 * The rules and their reasons are those of `is_forged` in services/verify/adapters/pass_token.py.
 */
function isForged(token: string, reason: Reason, issuer: string): boolean {
  if (["issuer", "audience", "claims", "withdrawn_key"].includes(reason)) return true;
  const [head = "", payload = "", signature = ""] = token.split(".");
  const header = looseObject(head);
  if (header === null) return false;
  if (wasMadeForSomethingElse(header)) return true;
  if (reason !== "signature" || signature.length !== SIGNATURE_LENGTH) return false;
  const claims = looseObject(payload);
  try {
    if (claims === null || parsePassNumber(passClaims(claims).jti) === null) return false;
  } catch {
    return false;
  }
  const { iss, aud = AUDIENCE, nbf, exp } = claims;
  return iss === issuer && aud === AUDIENCE && Number(nbf) < Number(exp);
}

/** Return whether a header is one that no wrong character makes of ours. */
function wasMadeForSomethingElse(header: Record<string, unknown>): boolean {
  const { alg = ALGORITHM, typ = PASS_TYP } = header;
  if (typeof alg !== "string" || typeof typ !== "string") return true;
  const algorithm = alg.toLowerCase();
  return (
    OTHER_ALGORITHMS.some((other) => algorithm.startsWith(other)) ||
    OWN_KEYS.some((name) => Object.hasOwn(header, name)) ||
    Array.from(typ).length !== PASS_TYP.length
  );
}

/** Return the claims of a pass. Throws {@link TokenRefused} where one is missing or has another shape. */
function passClaims(found: Record<string, unknown>): PassClaims {
  const {
    iss,
    jti,
    nbf,
    exp,
    site,
    party,
    aud = AUDIENCE,
    gate = null,
    entries = 1,
    idc = null,
    days = [],
    fresh = null,
  } = found;
  const texts = isText(iss) && isText(aud) && isText(jti) && isText(site);
  const times = isInstant(nbf) && isInstant(exp) && isWhole(party, 1, MOST) && isWhole(entries, 1, MOST);
  const rest = isTextOrNull(gate) && isTextOrNull(idc) && isList(days, isDay) && (fresh === null || isInstant(fresh));
  if (!texts || !times || !rest) throw new TokenRefused("claims");
  return { jti, nbf, exp, site, party, gate, entries, idc, days, fresh };
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || isText(value);
}

function isWhole(value: unknown, least: number, most = LAST_SECOND): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function isInstant(value: unknown): value is number {
  return isWhole(value, 0);
}

function isDay(value: unknown): value is number {
  return isWhole(value, -366, 366);
}

function isList<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every((item) => isItem(item));
}

/** Return the bytes of a base64url text, or null where it is not the one way to write them. */
function exactBytes(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = looseBytes(text);
  return bytes !== null && base64url(bytes) === text ? bytes : null;
}

/** Return the bytes of a base64url text, or null where it is none; its last bits may be any. */
function looseBytes(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const data = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(data, (letter) => letter.charCodeAt(0));
}

/** Return bytes as base64url without padding. */
export function base64url(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** Return the bytes of base64url without padding. Throws where it is none. */
export function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  const bytes = exactBytes(text);
  if (bytes === null) throw new TypeError("not base64url");
  return bytes;
}

function looseObject(text: string): Record<string, unknown> | null {
  const bytes = looseBytes(text);
  return bytes === null ? null : jsonObject(bytes);
}

/** Return the object that bytes are in JSON and UTF-8, or null. A number that is not whole becomes NaN. */
function jsonObject(bytes: Uint8Array): Record<string, unknown> | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const found: unknown = JSON.parse(text, onlyWhole);
    const isObject = typeof found === "object" && found !== null && !Array.isArray(found);
    return isObject ? (found as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Replace a number that is not written as a whole one, such as 1.0, which JSON.parse would take for 1. */
function onlyWhole(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  return typeof value === "number" && source !== undefined && !/^-?\d+$/.test(source) ? Number.NaN : value;
}
