// The PIN that opens a gate's app again, what it guards, and when the app locks itself.
//
// A guard who has chosen a PIN on a device has a pair of keys there. The private one is stored under the PIN and
// the device's own key, the public one as it is: under it the server's half of the key for visitors is stored at
// each sign-in, without the PIN. After a sign-out the pair opens nothing, since that half is gone.
//
// A PIN of four to six digits stops whoever has the tablet in hand: the app takes a few tries. Whoever takes the
// browser's profile apart has the device's own key as well, and tries all PINs within minutes: docs/security.md.

/** 0.3 to 0.5 s on two busy cores of a server, an estimated second on a cheap tablet. */
export const ITERATIONS = 600_000;
/** After so many wrong PINs in a row the half is thrown away, and the guard has to sign in. */
export const MOST_WRONG = 8;
const FORM = /^\d{4,6}$/;
const ROWS = ["01234567890", "09876543210"];
const CURVE = { name: "ECDH", namedCurve: "P-256" };

/** The PIN of one guard on this device. */
export interface Pin {
  /** How many digits it has: the last one opens the app. */
  length: number;
  iterations: number;
  salt: Uint8Array<ArrayBuffer>;
  publicKey: ArrayBuffer;
  privateKey: Sealed;
  /** How many wrong ones were typed since the last right one. */
  wrong: number;
}

/** The server's half of the key for visitors, under the public key of a guard. */
export interface GuardedHalf extends Sealed {
  login: string;
  publicKey: ArrayBuffer;
}

interface Sealed {
  iv: Uint8Array<ArrayBuffer>;
  data: ArrayBuffer;
}

/** Return whether a PIN may be chosen: four to six digits, not all the same, and no row such as 1234. */
export function isGoodPin(pin: string): boolean {
  return FORM.test(pin) && new Set(pin).size > 1 && !ROWS.some((row) => row.includes(pin));
}

/** Make the keys of a guard. `own` is the key of this device that no script can read (HKDF). */
export async function makePin(crypto: Crypto, own: CryptoKey, typed: string, iterations = ITERATIONS): Promise<Pin> {
  const { subtle } = crypto;
  const pair = await subtle.generateKey(CURVE, true, ["deriveKey"]);
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const under = await keyOf(subtle, own, typed, salt, iterations);
  const privateKey = await seal(crypto, under, await subtle.exportKey("pkcs8", pair.privateKey));
  const publicKey = await subtle.exportKey("raw", pair.publicKey);
  return { length: typed.length, iterations, salt, publicKey, privateKey, wrong: 0 };
}

/** Encrypt the server's half for the guard who has this PIN. */
export async function guardHalf(crypto: Crypto, login: string, pin: Pin, half: string): Promise<GuardedHalf> {
  const { subtle } = crypto;
  const once = await subtle.generateKey(CURVE, false, ["deriveKey"]);
  const theirs = await subtle.importKey("raw", pin.publicKey, CURVE, false, []);
  const sealed = await seal(crypto, await shared(subtle, once.privateKey, theirs), new TextEncoder().encode(half));
  return { login, publicKey: await subtle.exportKey("raw", once.publicKey), ...sealed };
}

/** Return the server's half, or null where the PIN is wrong. */
export async function openHalf(
  subtle: SubtleCrypto, own: CryptoKey, pin: Pin, guarded: GuardedHalf, typed: string,
): Promise<string | null> {
  const under = await keyOf(subtle, own, typed, pin.salt, pin.iterations);
  try {
    const { iv, data } = pin.privateKey;
    const pkcs8 = await subtle.decrypt({ name: "AES-GCM", iv }, under, data);
    const mine = await subtle.importKey("pkcs8", pkcs8, CURVE, false, ["deriveKey"]);
    const theirs = await subtle.importKey("raw", guarded.publicKey, CURVE, false, []);
    const key = await shared(subtle, mine, theirs);
    return new TextDecoder().decode(await subtle.decrypt({ name: "AES-GCM", iv: guarded.iv }, key, guarded.data));
  } catch {
    return null;
  }
}

/** Return the slow key of a PIN, mixed with the device's own: a copy without that one cannot even try. */
async function keyOf(
  subtle: SubtleCrypto, own: CryptoKey, typed: string, salt: Uint8Array<ArrayBuffer>, iterations: number,
): Promise<CryptoKey> {
  const digits = await subtle.importKey("raw", new TextEncoder().encode(typed), "PBKDF2", false, ["deriveBits"]);
  const slow = await subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, digits, 256);
  const how = { name: "HKDF", hash: "SHA-256", salt: slow, info: new TextEncoder().encode("epass-gate pin") };
  return subtle.deriveKey(how, own, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

function shared(subtle: SubtleCrypto, mine: CryptoKey, theirs: CryptoKey): Promise<CryptoKey> {
  const kind = { name: "AES-GCM", length: 256 };
  return subtle.deriveKey({ name: "ECDH", public: theirs }, mine, kind, false, ["encrypt", "decrypt"]);
}

async function seal(crypto: Crypto, key: CryptoKey, plain: BufferSource): Promise<Sealed> {
  const iv = crypto.getRandomValues(new Uint8Array(12));
  return { iv, data: await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plain) };
}

/** Says when the app has to lock: after some time without a touch or a scan, and when it was put away. */
export class Idle {
  readonly #passed: () => number;
  readonly #lockMs: number;
  readonly #awayMs: number;
  #touchedAt: number;
  #hiddenAt: number | null = null;

  /** `passed` is the time that passes, whoever sets the clock. */
  constructor(passed: () => number, lockMs: number, awayMs: number) {
    [this.#passed, this.#lockMs, this.#awayMs] = [passed, lockMs, awayMs];
    this.#touchedAt = passed();
  }

  touch(): void {
    this.#touchedAt = this.#passed();
  }

  /** Take note that the page is hidden, or seen again. */
  hide(is: boolean): void {
    this.#hiddenAt = is ? (this.#hiddenAt ?? this.#passed()) : null;
  }

  get isDue(): boolean {
    return this.isAway || this.#passed() - this.#touchedAt >= this.#lockMs;
  }

  /** Whether the page is hidden for longer than a moment: a call, or a screen that dims, is none. */
  get isAway(): boolean {
    return this.#hiddenAt !== null && this.#passed() - this.#hiddenAt >= this.#awayMs;
  }
}
