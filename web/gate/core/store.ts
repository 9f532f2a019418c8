// What the gate keeps on the device, in IndexedDB: the manifest, its moves, the queue of scans, settings.
//
// What names visitors is encrypted (AES-GCM) under keys that the browser never hands out, not even to this
// page:
// - `visitors`, for the manifest and the moves. It exists only while somebody is signed in. It is made of two
//   halves: `device`, which this browser has since it was enrolled, and one that the server gives to the
//   signed-in guard of this enrolment. So a copy of the disk without `visitors` is noise for ever, unless the
//   server gives its half, which it does no more once the device is revoked. Where guards have a PIN the key is
//   in memory alone, and the server's half is stored under the PIN (lock.ts): a locked app has no such key.
// - `queue`, for scans that the server does not have yet, or has refused. It exists until the last of them is
//   sent, whoever is signed in: without it facts about people inside would be lost.
//
// What a stolen device can read, honestly: the browser stores its keys in its profile, in the clear. Whoever
// has the unlocked device, or its disk without the device's own encryption and some minutes to try all PINs, can
// open the manifest while the server's half is there: names, companions, vehicles and whom they meet, of today's passes of this site; no mobile, no
// email, no ID number (only commitments, which four characters are guessed from within a second, since the
// keys of the commitments lie beside them). That half goes at sign-out, when the server says that the session
// has ended, and when the app is next opened or looks at the clock after the session's end. A device that is
// stolen while signed in, and then never opens this app again, keeps its key. The encryption of the device
// itself (a screen lock) is what protects then. After the key is deleted, what is left is noise, also in the
// profile's old pages as far as the browser overwrites the key's own.
import { openDB } from "idb";
import type { DBSchema, IDBPDatabase } from "idb";
import { guardHalf, makePin, openHalf } from "./lock.ts";
import type { GuardedHalf, Pin } from "./lock.ts";
import { withoutPeople } from "./manifest.ts";
import type { Move, WireManifest, WirePass } from "./manifest.ts";
import type { HeldStatus } from "./revoked.ts";
import type { RefusedScan } from "./model.ts";
import type { QueuedScan } from "./wire.ts";

const NAME = "epass-gate";
const VERSION = 1;
const UNLOCKED = "unlockedBy";
const GUARDED = "guardedHalf";
const pinOf = (login: string): string => `pin ${login}`;
type KeyName = "visitors" | "queue" | "device";
/** Who was found at an evacuation, whose card did not match, and whose exit nobody has counted yet. */
type Notes = "found" | "mismatched" | "leaving";

interface Sealed {
  iv: Uint8Array<ArrayBuffer>;
  data: ArrayBuffer;
}

/** Beside a refusal the scan stays as it was in the queue: somebody walked in, and has to be found again. */
type KeptRefusal = RefusedScan & { sealed?: Sealed };

interface Schema extends DBSchema {
  settings: { key: string; value: unknown };
  keys: { key: KeyName; value: CryptoKey };
  /** `apart`: it names nobody, and whom it named is in `people`. */
  manifest: { key: "whole" | "people" | "status" | Notes; value: Sealed & { apart?: true } };
  moves: { key: string; value: Sealed & { sent: boolean } };
  /** By a number that rises, so that they are sent in the order in which they happened. */
  queue: { key: number; value: Sealed & { nonce: string } };
  refused: { key: string; value: KeptRefusal };
}

/** A scan of the queue, and its place in it. */
export interface Waiting {
  place: number;
  nonce: string;
  /** Null where it cannot be opened. */
  scan: QueuedScan | null;
}

/** What to do about other tabs of this device. */
export interface OtherTabs {
  /** An older app has the storage open: it is opened as soon as that one is closed. */
  blocked?: () => void;
  /** A newer app wants the storage, which is closed to this one now. */
  wanted?: () => void;
}

export class Store {
  readonly #db: IDBPDatabase<Schema>;
  readonly #crypto: Crypto;
  /** Whether there is no key for visitors: then nothing of them is stored, under no other key. */
  #isLocked = false;
  /** The key for visitors where it is not stored. */
  #visitors: CryptoKey | null = null;

  private constructor(db: IDBPDatabase<Schema>, crypto: Crypto) {
    this.#db = db;
    this.#crypto = crypto;
  }

  /** Open what is stored. Another tab with another version of the app may hold it up, or want it. */
  static async open(crypto: Crypto, name = NAME, tabs: OtherTabs = {}): Promise<Store> {
    const db = await openDB<Schema>(name, VERSION, {
      blocked: () => tabs.blocked?.(),
      blocking: (_version, _wanted, event) => {
        (event.target as IDBDatabase).close();
        tabs.wanted?.();
      },
      upgrade(fresh) {
        for (const plain of ["settings", "keys", "manifest"] as const) fresh.createObjectStore(plain);
        fresh.createObjectStore("moves");
        fresh.createObjectStore("queue", { autoIncrement: true });
        fresh.createObjectStore("refused", { keyPath: "nonce" });
      },
    });
    return new Store(db, crypto);
  }

  close(): void {
    this.#db.close();
  }

  async setting<T>(name: string): Promise<T | undefined> {
    return (await this.#db.get("settings", name)) as T | undefined;
  }

  async set(name: string, value: unknown): Promise<void> {
    await this.#db.put("settings", value, name);
  }

  /** Store the manifest and end moves that are in it, at once. Its people are apart: they may have to go alone. */
  async saveManifest(whole: WireManifest, ended: readonly string[]): Promise<void> {
    const [sealed, people] = await Promise.all([
      this.#seal("visitors", "manifest", { ...whole, passes: whole.passes.map(withoutPeople) }),
      this.#seal("visitors", "people", whole.passes),
    ]);
    const change = this.#db.transaction(["manifest", "moves"], "readwrite");
    await Promise.all([
      change.objectStore("manifest").put({ ...sealed, apart: true }, "whole"),
      change.objectStore("manifest").put(people, "people"),
      ...ended.map((nonce) => change.objectStore("moves").delete(nonce)),
      change.done,
    ]);
  }

  /** Store the list of revoked passes. It names nobody; sealed, nobody else can take a pass off it. */
  async saveStatus(status: HeldStatus): Promise<void> {
    await this.#db.put("manifest", await this.#seal("visitors", "status", status), "status");
  }

  /** Return what is stored for the time without a network, or null where there is none, or nobody is signed in. */
  async readManifest(): Promise<{ whole: WireManifest; status: HeldStatus | null; moves: Move[] } | null> {
    const sealed = await this.#db.get("manifest", "whole");
    const whole = sealed && (await this.#unseal<WireManifest>("visitors", "manifest", sealed));
    if (!whole) return null;
    const apart = await this.#db.get("manifest", "people");
    const people = apart && (await this.#unseal<WirePass[]>("visitors", "people", apart));
    if (people) whole.passes = people;
    const listed = await this.#db.get("manifest", "status");
    const status = listed ? await this.#unseal<HeldStatus>("visitors", "status", listed) : null;
    const moves: Move[] = [];
    for (const nonce of await this.#db.getAllKeys("moves")) {
      const one = await this.#db.get("moves", nonce);
      const move = one && (await this.#unseal<Move>("visitors", `move:${nonce}`, one));
      if (one && move) moves.push({ ...move, sent: one.sent });
    }
    return { whole, status, moves: moves.sort((one, other) => one.at - other.at) };
  }

  /** Store what the server has recorded and the next scan has to see. */
  async saveMove(move: Move): Promise<void> {
    const sealed = await this.#seal("visitors", `move:${move.nonce}`, move);
    await this.#db.put("moves", { ...sealed, sent: move.sent }, move.nonce);
  }

  /**
   * Store a scan that the server does not have, and its move, at once.
   *
   * When this resolves, both are on the disk: also a dead battery does not take them.
   */
  async saveScan(scan: QueuedScan, move: Move | null): Promise<void> {
    const key = await this.#key("queue");
    const sealed = await this.#seal("queue", `scan:${scan.nonce}`, scan);
    const moved = this.#isLocked ? null : move && (await this.#seal("visitors", `move:${move.nonce}`, move));
    const stores = ["queue", "moves", "keys"] as const;
    const change = this.#db.transaction(stores, "readwrite", { durability: "strict" });
    // A sign-out may have deleted the key meanwhile: nobody could read the scan.
    const kept = await change.objectStore("keys").getKey("queue");
    await Promise.all([
      kept === undefined ? change.objectStore("keys").put(key, "queue") : null,
      change.objectStore("queue").add({ ...sealed, nonce: scan.nonce }),
      move && moved ? change.objectStore("moves").put({ ...moved, sent: false }, move.nonce) : null,
      change.done,
    ]);
  }

  async countScans(): Promise<number> {
    return this.#db.count("queue");
  }

  /** Return the oldest scans of the queue after a place in it, or all where `most` is left out. */
  async oldestScans(most?: number, after = -Infinity): Promise<Waiting[]> {
    const later = IDBKeyRange.lowerBound(after, true);
    const read = this.#db.transaction("queue");
    const [places, rows] = await Promise.all([
      read.store.getAllKeys(later, most),
      read.store.getAll(later, most),
    ]);
    const opened = rows.map(async (row, at) => {
      const scan = await this.#unseal<QueuedScan>("queue", `scan:${row.nonce}`, row);
      return { place: places[at] ?? 0, nonce: row.nonce, scan };
    });
    return Promise.all(opened);
  }

  /** Return the scans of the queue whose nonce is not known, in their order, as far as they can be opened. */
  async scansWithout(isKnown: (nonce: string) => boolean): Promise<QueuedScan[]> {
    const rows = (await this.#db.getAll("queue")).filter((row) => !isKnown(row.nonce));
    const opened = rows.map((row) => this.#unseal<QueuedScan>("queue", `scan:${row.nonce}`, row));
    return (await Promise.all(opened)).filter((scan) => scan !== null);
  }

  /** Delete scans that the server has, and move those that it has refused for good to a list. At once. */
  async settleScans(settled: readonly { waiting: Waiting; refused: RefusedScan | null }[]): Promise<void> {
    const change = this.#db.transaction(["queue", "moves", "refused"], "readwrite", { durability: "strict" });
    const moves = change.objectStore("moves");
    for (const { waiting, refused } of settled) {
      const queue = change.objectStore("queue");
      const row = await queue.get(waiting.place);
      await queue.delete(waiting.place);
      if (refused !== null) {
        const sealed = row && { iv: row.iv, data: row.data };
        await change.objectStore("refused").put({ ...refused, sealed });
      }
      const move = await moves.get(waiting.nonce);
      if (move !== undefined) await moves.put({ ...move, sent: true }, waiting.nonce);
    }
    await change.done;
  }

  async refusedScans(): Promise<RefusedScan[]> {
    const kept = await this.#db.getAll("refused");
    return kept.map(({ nonce, problem, at, isKnown }) => ({ nonce, problem, at, isKnown }));
  }

  /** Delete a refused scan, and the key of the queue with the last of what it opens. */
  async forgetRefused(nonce: string): Promise<void> {
    const change = this.#db.transaction(["refused", "queue", "keys"], "readwrite", { durability: "strict" });
    await change.objectStore("refused").delete(nonce);
    const kept = (await change.objectStore("refused").count()) + (await change.objectStore("queue").count());
    if (kept === 0) await change.objectStore("keys").delete("queue");
    await change.done;
  }

  /** Store a few facts about passes, sealed; they go with the session. */
  async saveNotes(name: Notes, value: unknown): Promise<void> {
    await this.#db.put("manifest", await this.#seal("visitors", name, value), name);
  }

  /** Return stored facts, or undefined where there are none, or nobody is signed in. */
  async readNotes<T>(name: Notes): Promise<T | undefined> {
    const sealed = await this.#db.get("manifest", name);
    return (sealed && (await this.#unseal<T>("visitors", name, sealed))) ?? undefined;
  }

  /** Return a refused scan as it was sent, or null where it cannot be opened. */
  async refusedScan(nonce: string): Promise<QueuedScan | null> {
    const kept = await this.#db.get("refused", nonce);
    return kept?.sealed ? this.#unseal<QueuedScan>("queue", `scan:${nonce}`, kept.sealed) : null;
  }

  /** Delete whom the manifest names; no key is needed for that. Numbers and standings stay, and all scans. */
  async forgetPeople(): Promise<void> {
    const change = this.#db.transaction("manifest", "readwrite");
    const whole = await change.store.get("whole");
    await change.store.delete("people");
    if (whole !== undefined && whole.apart !== true) await change.store.delete("whole"); // stored before 0.24.0
    await change.done;
  }

  /** Forget what is known of visitors: delete the key first, so that nothing can be opened any more. */
  async forgetVisitors(): Promise<void> {
    this.#visitors = null;
    await this.#db.delete("keys", "visitors");
    await this.#db.delete("settings", GUARDED);
    await this.#db.clear("manifest");
    await this.#db.clear("moves");
    const kept = (await this.countScans()) + (await this.#db.count("refused"));
    if (kept === 0) await this.#db.delete("keys", "queue");
  }

  /**
   * Make the key for visitors of this device's half and of the server's; it is stored, or in memory alone.
   *
   * What was stored under another half is deleted: it opens no more.
   */
  async unlock(half: string, isStored = true): Promise<void> {
    try {
      await this.#makeKey(half, isStored);
      this.#isLocked = false;
    } catch (error) {
      this.#isLocked = true;
      throw error;
    }
  }

  async #makeKey(half: string, isStored: boolean): Promise<void> {
    const mark = await this.#markOf(half);
    const isSame = (await this.setting<string>(UNLOCKED)) === mark;
    if (isSame && (this.#visitors !== null || (await this.hasKey()))) return;
    const key = await this.#keyOfHalf(half);
    const stores = ["keys", "settings", "manifest", "moves"] as const;
    const change = this.#db.transaction(stores, "readwrite", { durability: "strict" });
    const keys = change.objectStore("keys");
    await Promise.all([
      isStored ? keys.put(key, "visitors") : keys.delete("visitors"),
      change.objectStore("settings").put(mark, UNLOCKED),
      isSame ? null : change.objectStore("manifest").clear(),
      isSame ? null : change.objectStore("moves").clear(),
      change.done,
    ]);
    this.#visitors = isStored ? null : key;
  }

  async #keyOfHalf(half: string): Promise<CryptoKey> {
    const how = { name: "HKDF", hash: "SHA-256", salt: encoded(half), info: encoded("epass-gate visitors") };
    const kind = { name: "AES-GCM", length: 256 };
    return this.#crypto.subtle.deriveKey(how, await this.#ownHalf(), kind, false, ["encrypt", "decrypt"]);
  }

  /** Hold no key for visitors until `unlock`. */
  lock(): void {
    this.#visitors = null;
    this.#isLocked = true;
  }

  /** Whether the key for visitors is stored, as it was before there were PINs. */
  async hasKey(): Promise<boolean> {
    return (await this.#db.getKey("keys", "visitors")) !== undefined;
  }

  async pin(login: string): Promise<Pin | null> {
    return (await this.setting<Pin>(pinOf(login))) ?? null;
  }

  async savePin(login: string, pin: Pin): Promise<void> {
    await this.set(pinOf(login), pin);
  }

  async forgetPin(login: string): Promise<void> {
    await this.#db.delete("settings", pinOf(login));
  }

  /** Make the PIN of a guard, which is stored with the half that it guards. */
  async makePin(typed: string): Promise<Pin> {
    return makePin(this.#crypto, await this.#ownHalf(), typed);
  }

  /** Store a half under a guard's PIN, and the key for visitors no more. */
  async guard(login: string, pin: Pin, half: string): Promise<void> {
    const [guarded, key] = [await guardHalf(this.#crypto, login, pin, half), await this.#keyOfHalf(half)];
    const change = this.#db.transaction(["keys", "settings"], "readwrite", { durability: "strict" });
    await Promise.all([
      change.objectStore("settings").put(pin, pinOf(login)),
      change.objectStore("settings").put(guarded, GUARDED),
      change.objectStore("keys").delete("visitors"),
      change.done,
    ]);
    this.#visitors = key;
  }

  /** Return whose PIN guards what is stored, or null where none does. */
  async guardedBy(): Promise<string | null> {
    return (await this.setting<GuardedHalf>(GUARDED))?.login ?? null;
  }

  /** Return the guarded half, or null where the PIN is wrong. */
  async openHalf(pin: Pin, typed: string): Promise<string | null> {
    const guarded = await this.setting<GuardedHalf>(GUARDED);
    return guarded ? openHalf(this.#crypto.subtle, await this.#ownHalf(), pin, guarded, typed) : null;
  }

  /** Forget this device's half of the key: no half of the server opens again what it has opened. */
  async forgetDevice(): Promise<void> {
    await this.#db.delete("keys", "device");
    await this.#db.delete("settings", UNLOCKED);
    for (const name of await this.#db.getAllKeys("settings")) {
      if (name.startsWith(pinOf(""))) await this.#db.delete("settings", name); // they were of this half
    }
  }

  async #ownHalf(): Promise<CryptoKey> {
    const known = await this.#db.get("keys", "device");
    if (known !== undefined) return known;
    const random = this.#crypto.getRandomValues(new Uint8Array(32));
    const made = await this.#crypto.subtle.importKey("raw", random, "HKDF", false, ["deriveKey"]);
    await this.#db.put("keys", made, "device");
    return made;
  }

  /** Return by what a half of the server is known again; it gives nothing of the half away. */
  async #markOf(half: string): Promise<string> {
    const digest = await this.#crypto.subtle.digest("SHA-256", encoded(half));
    return String(new Uint8Array(digest).slice(0, 8));
  }

  async #key(name: KeyName): Promise<CryptoKey> {
    if (name === "visitors" && this.#isLocked) throw new Error("there is no key for visitors");
    const known = await this.#known(name);
    if (known !== undefined) return known;
    const made = await this.#crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, [
      "encrypt",
      "decrypt",
    ]);
    const change = this.#db.transaction("keys", "readwrite", { durability: "strict" });
    const first = await change.store.get(name); // another tab may have been faster
    if (first === undefined) await change.store.put(made, name);
    await change.done;
    return first ?? made;
  }

  async #known(name: KeyName): Promise<CryptoKey | undefined> {
    return (name === "visitors" ? this.#visitors : null) ?? (await this.#db.get("keys", name));
  }

  /** Encrypt a value; `what` is bound to it, so that it cannot be taken for another one. */
  async #seal(key: KeyName, what: string, value: unknown): Promise<Sealed> {
    const iv = this.#crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(value));
    const how = { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(what) };
    return { iv, data: await this.#crypto.subtle.encrypt(how, await this.#key(key), plain) };
  }

  /** Return a value that was sealed, or null where its key is gone or it was changed. */
  async #unseal<T>(name: KeyName, what: string, sealed: Sealed): Promise<T | null> {
    const key = await this.#known(name);
    if (key === undefined) return null;
    const how = { name: "AES-GCM", iv: sealed.iv, additionalData: new TextEncoder().encode(what) };
    try {
      const plain = await this.#crypto.subtle.decrypt(how, key, sealed.data);
      return JSON.parse(new TextDecoder().decode(plain)) as T;
    } catch {
      return null;
    }
  }
}

function encoded(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
