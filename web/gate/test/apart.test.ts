// Three gates whose networks come and go, by the app's own storage and sending: no scan is lost, none invented.
//
// Requests are lost before the server or after it, and apps are killed while they send. What the guards saw
// recorded is the truth. services/verify has the same for what the server makes of conflicts
// (tests/unit/verify/domain/test_gates_apart.py).
import assert from "node:assert/strict";
import { test } from "node:test";
import { GateProblem } from "../core/model.ts";
import type { Gate } from "../core/gate.ts";
import { Device, MINUTE, NUMBER, OTHER, Server, pass } from "./server.ts";

const SEEDS = 20;
const STEPS = 60;
const SYNC = "/api/v1/scans/sync";

/** Return numbers from 0 to 1 that are the same for a seed (Mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A gate with a network of its own. */
class Post {
  readonly #server: Server;
  readonly #random: () => number;
  readonly device: Device;
  readonly name: string;
  gate!: Gate;
  isCut = false;
  /** Whether requests are lost on the way, and called once a request to send scans is on its way. */
  isBad = true;
  onSync: (() => void) | null = null;

  constructor(server: Server, random: () => number, name: string) {
    this.#server = server;
    this.#random = random;
    this.name = name;
    const line = Object.create(server) as Server;
    line.fetch = (input, init) => this.#fetch(String(input), init);
    this.device = new Device(line);
  }

  async open(): Promise<void> {
    this.gate = await this.device.open();
    await this.gate.refresh();
    await this.gate.chooseGate(this.name);
    await this.gate.refresh();
  }

  async #fetch(path: string, init?: RequestInit): Promise<Response> {
    const lost = new DOMException("nobody answers", "TimeoutError");
    const isScan = path.startsWith("/api/v1/scans");
    const luck = isScan && this.isBad ? this.#random() : 1;
    if (path === SYNC && luck < 0.5) this.onSync?.();
    if (this.isCut || luck < 0.1) throw lost;
    const answer = await this.#server.fetch(path, init);
    if (path === SYNC) this.onSync?.();
    if (luck < 0.2) throw lost;
    return answer;
  }
}

/** Let people in or out; returns what the guard saw recorded. */
async function walk(post: Post, number: string, direction: "entry" | "exit"): Promise<string | null> {
  try {
    let shown = await post.gate.scan(number, direction);
    if (shown.preview && shown.outcome === "admit") shown = await post.gate.admit({ kind: "as_applied" }, 1);
    if (shown.preview && shown.outcome === "exit") shown = await post.gate.leave(1);
    return shown.recorded ? `${number} ${direction} ${post.name}` : null;
  } catch (error) {
    if (error instanceof GateProblem) return null;
    throw error;
  }
}

/** Let the app send, and kill it while a request is on its way; then somebody opens it again. */
async function killWhileItSends(post: Post): Promise<boolean> {
  let isKilled = false;
  const killed = new Promise<void>((resolve) => {
    post.onSync = () => {
      post.onSync = null;
      isKilled = true;
      post.device.kill();
      resolve();
    };
  });
  await Promise.race([post.gate.refresh().catch(() => undefined), killed]);
  post.onSync = null;
  if (isKilled) await post.open();
  return isKilled;
}

for (let seed = 0; seed < SEEDS; seed += 1) {
  test(`no scan of three gates is lost, and none invented: day ${seed}`, async (context) => {
    context.mock.method(console, "error", () => {}); // a killed app says that its storage is closed
    const random = randomOf(seed);
    const server = new Server();
    server.gate = null;
    const terms = { party: 4, entries: 9, valid_to: "2026-12-01T18:00:00Z" };
    for (const number of [NUMBER, OTHER]) server.passes.set(number, pass({ pass: number, ...terms }));
    const posts = ["PCS1-G1", "PCS1-G2", "PCS1-G1"].map((name) => new Post(server, random, name));
    for (const post of posts) await post.open();
    const seen: string[] = [];
    let kills = 0;
    for (let step = 0; step < STEPS; step += 1) {
      const post = posts[Math.floor(random() * posts.length)];
      assert.ok(post);
      server.now += Math.floor(random() * MINUTE);
      const what = random();
      if (what < 0.2) post.isCut = !post.isCut;
      else if (what < 0.35) await post.gate.refresh();
      else if (what < 0.45) kills += Number(await killWhileItSends(post));
      else {
        const done = await walk(post, random() < 0.5 ? NUMBER : OTHER, random() < 0.6 ? "entry" : "exit");
        if (done !== null) seen.push(done);
      }
    }
    for (const post of posts) {
      [post.isCut, post.isBad] = [false, false];
      for (let rounds = 0; post.gate.state().unsent > 0 || !post.gate.state().online; rounds += 1) {
        assert.ok(rounds < 20, "all is sent once the network is good");
        server.now += MINUTE;
        await post.gate.refresh();
      }
      post.gate.close();
    }
    const recorded = [...server.recorded.values()].map((one) => `${one.pass_number} ${one.direction} ${one.gate}`);
    assert.deepEqual(recorded.sort(), seen.sort());
    const repeated = server.batches.flat().length - new Set(server.batches.flat()).size;
    context.diagnostic(`${recorded.length} scans, ${repeated} repeated, ${kills} kills`);
  });
}
