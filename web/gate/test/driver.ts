// A gate of a real system: the app's own core in Node, which does what lines of JSON on standard input say.
//
// Arguments: the gateway's URL, and the token of a guard's session. Each command is answered by one line.
// tests/support/chaos/gates.py is the other end. The network and the life of the app are in this process's hands: it
// loses requests and answers, and kills the app while it sends. What is stored outlives the app, not this process.
import "fake-indexeddb/auto";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { Gate } from "../core/gate.ts";
import { GateProblem } from "../core/model.ts";
import type { IdCheck, Shown } from "../core/model.ts";
import { Store } from "../core/store.ts";

interface Command {
  do: keyof typeof commands;
  /** A pass's token, or the code that enrols the device. */
  text?: string;
  /** By how many milliseconds the clock of the device is ahead. */
  aheadMs?: number;
}

const SCANS = "/api/v1/scans";
const SYNC = `${SCANS}/sync`;
/** How often a request that brings scans is lost before the gateway has it, and how often its answer is. */
const LOST = 0.1;
const ID: IdCheck = { kind: "matched", idType: "voter_id", last4: "4821" };
const [url = "", session = ""] = process.argv.slice(2);
const cookies = new Map([["session", session]]);
let isCut = false;
let aheadMs = 0;
/** Called while a request that brings scans is on its way. */
let onSync: (() => void) | null = null;
/** The nonce of the last request that the app made: nothing of its storage is used for it. */
let nonce = "";

const recording = {
  subtle: crypto.subtle,
  getRandomValues: crypto.getRandomValues.bind(crypto),
  randomUUID: () => {
    const made = crypto.randomUUID();
    nonce = made;
    return made;
  },
} as Crypto;

/** Ask the gateway as a browser does, over a line that may be cut at any moment. */
async function line(input: Parameters<typeof fetch>[0], init?: RequestInit): Promise<Response> {
  const luck = String(input).startsWith(SCANS) ? Math.random() : 1;
  if (input === SYNC && luck < 0.5) onSync?.();
  if (isCut || luck < LOST) throw new TypeError("there is no network");
  const headers = new Headers(init?.headers);
  headers.set("Cookie", [...cookies].map(([name, value]) => `${name}=${value}`).join("; "));
  headers.set("Origin", url);
  const answer = await fetch(new URL(String(input), url), { ...init, headers });
  for (const set of answer.headers.getSetCookie()) {
    const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
    cookies.set(name, value);
  }
  if (input === SYNC) onSync?.();
  if (isCut || luck < 2 * LOST) throw new TypeError("the answer is lost");
  return answer;
}

let store: Store;
let gate: Gate;

/** Start the app, as the guard does or the browser after a crash. */
async function open(): Promise<void> {
  store = await Store.open(recording);
  const clock = { now: () => Date.now() + aheadMs, passed: () => performance.now() };
  gate = await Gate.open({ fetch: line, store, clock, crypto: recording, version: "chaos" });
}

/** Return what the guard sees of a scan, and under which nonce it is recorded, if it is. */
function seen({ outcome, recorded, offline, at }: Shown): Record<string, unknown> {
  return { outcome, recorded, offline, at, nonce };
}

const commands = {
  enrol: ({ text = "" }: Command) => gate.enrol(text),
  /** Send and fetch once, and fetch the manifest too. */
  sync: () => gate.hearReload(),
  cut: () => void (isCut = true),
  connect: () => void (isCut = false),
  /** Set the clock of the device, which counts the time that passes all the same. */
  clock: (command: Command) => void (aheadMs = command.aheadMs ?? 0),
  /** Let one person in, whose card matches. */
  async enter({ text = "" }: Command): Promise<unknown> {
    const shown = await gate.scan(text, "entry");
    return seen(shown.preview && shown.outcome === "admit" ? await gate.admit(ID, 1) : shown);
  },
  /** Let everybody out who came in with a pass. */
  async leave({ text = "" }: Command): Promise<unknown> {
    const shown = await gate.scan(text, "exit");
    return seen(shown.preview ? await gate.leave() : shown);
  },
  /** Kill the app while it sends, or where it stands if it does not, and open it again. */
  async kill(): Promise<void> {
    const killed = new Promise<void>((resolve) => {
      onSync = () => {
        onSync = null;
        store.close();
        resolve();
      };
    });
    await Promise.race([gate.refresh(), killed]);
    onSync = null;
    gate.close();
    await open();
  },
  state: () => gate.state(),
};

/** Do what a line says; a problem of the gate is an answer, too. */
async function answer(text: string): Promise<object> {
  const command = JSON.parse(text) as Command;
  try {
    return { result: (await commands[command.do](command)) ?? null };
  } catch (error) {
    if (error instanceof GateProblem) return { problem: error.code };
    throw error;
  }
}

await open();
for await (const text of createInterface({ input: process.stdin })) console.log(JSON.stringify(await answer(text)));
process.exit();
