// The stream of news: when it is open, what it hands on, and that a refusal is not asked again at once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { listenToNews } from "../app/news.ts";
import type { GateApi, GateState, HelpCall, Movement } from "../core/model.ts";

class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static opened: Stream[] = [];
  readonly url: string;
  readyState = 1;

  constructor(url: string) {
    super();
    this.url = url;
    Stream.opened.push(this);
  }

  close(): void {
    this.readyState = Stream.CLOSED;
  }

  tell(name: string, data: unknown = null): void {
    this.dispatchEvent(Object.assign(new Event(name), { data: JSON.stringify(data) }));
  }
}

/** Return a gate whose news are listened to, what it has heard, and the page that may be hidden. */
function listening() {
  Stream.opened = [];
  const page = Object.assign(new EventTarget(), { hidden: false });
  Object.assign(globalThis, { document: page, EventSource: Stream });
  const heard: unknown[] = [];
  const listeners: (() => void)[] = [];
  let state = { signedIn: true, online: true, gate: "PCS1-G1" } as GateState;
  const set = (change: Partial<GateState>): void => {
    state = { ...state, ...change };
    for (const listener of listeners) listener();
  };
  const gate = {
    state: () => state,
    subscribe: (listener: () => void) => (listeners.push(listener), () => undefined),
    refresh: () => Promise.resolve(),
    hear: (movement?: Movement) => Promise.resolve(void heard.push(movement)),
    hearHelp: (call: HelpCall) => void heard.push(call),
    hearStatus: () => Promise.resolve(void heard.push("status")),
    hearReload: () => Promise.resolve(void heard.push("reload")),
  };
  listenToNews(gate satisfies Partial<GateApi> as unknown as GateApi);
  const hide = (hidden: boolean): void => {
    page.hidden = hidden;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  return { set, heard, hide };
}

function open(): string[] {
  return Stream.opened.filter((one) => one.readyState !== Stream.CLOSED).map((one) => one.url);
}

test("a gate listens to the news of its site while somebody is signed in, online and in front", () => {
  const { set, hide } = listening();
  assert.deepEqual(open(), ["/api/v1/gate/news?gate=PCS1-G1"]);
  for (const change of [{ online: false }, { signedIn: false }]) {
    set(change);
    assert.deepEqual(open(), []);
    set({ online: true, signedIn: true });
    assert.equal(open().length, 1);
  }
  hide(true);
  assert.deepEqual(open(), []);
  hide(false);
  assert.equal(open().length, 1);
  set({ gate: "PCS1-G2" });
  assert.deepEqual(open(), ["/api/v1/gate/news?gate=PCS1-G2"]);
});

test("news reach the gate, and the first answer makes it fetch what it may have missed, once", () => {
  const { heard } = listening();
  const [stream] = Stream.opened;
  stream?.tell("open");
  stream?.tell("open");
  stream?.tell("movement", { nonce: "n" });
  stream?.tell("help", { id: "1" });
  stream?.tell("status");
  stream?.tell("reload");
  assert.deepEqual(heard, ["reload", { nonce: "n" }, { id: "1" }, "status", "reload"]);
});

test("after a refusal the gate does not ask again at once, and a broken line is the browser's to mend", () => {
  const { set } = listening();
  const [stream] = Stream.opened;
  stream?.tell("error");
  set({});
  assert.equal(Stream.opened.length, 1);
  stream?.close();
  stream?.tell("error");
  set({});
  assert.equal(Stream.opened.length, 1);
});
