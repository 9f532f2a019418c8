// The decoder's worker may fail or hang, and the system may take the camera: then the guard hears of it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { prepareZXingModule } from "zxing-wasm/reader";
import { Camera } from "../app/camera.ts";
import { Decoder } from "../app/decoder.ts";
import { readCode } from "../app/decoding.ts";
import { measure } from "../app/measure.ts";
import { drawCode } from "../app/warm_up.ts";

type Answer = (worker: FakeWorker, message: { wasm?: string; id?: number }) => void;

/** A worker that answers as a test wants it. */
class FakeWorker {
  static answer: Answer = () => {};
  static all: FakeWorker[] = [];
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;
  isEnded = false;

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(message: { wasm?: string; id?: number }): void {
    queueMicrotask(() => FakeWorker.answer(this, message));
  }

  say(data: unknown): void {
    this.onmessage?.({ data });
  }

  terminate(): void {
    this.isEnded = true;
  }
}

const works: Answer = (worker, { wasm, id }) => worker.say(wasm === undefined ? { id, text: "eyJ" } : { ready: true });

function decoderWith(answer: Answer): Decoder {
  FakeWorker.all = [];
  FakeWorker.answer = answer;
  Object.assign(globalThis, { Worker: FakeWorker, location: { href: "https://gate.test/gate" } });
  return new Decoder("decode.js", "decoder.wasm", { readyMs: 50, frameMs: 50 });
}

function frame(): ImageBitmap {
  return { close: () => {} } as ImageBitmap;
}

for (const [how, answer] of Object.entries<Answer>({
  "does not start": (worker) => worker.say({ failed: true }),
  "hangs at its start": () => {},
  "ends with an error": (worker) => worker.onerror?.(),
  "fails at a frame": (worker, { wasm }) => worker.say(wasm === undefined ? { failed: true } : { ready: true }),
  "hangs at a frame": (worker, { wasm }) => wasm !== undefined && worker.say({ ready: true }),
})) {
  test(`a decoder that ${how} is told of, and the next frame has another one`, async () => {
    const decoder = decoderWith(answer);
    await assert.rejects(decoder.decode(frame(), "quick"));
    assert.deepEqual(FakeWorker.all.map((one) => one.isEnded), [true]);
    FakeWorker.answer = works;
    assert.equal(await decoder.decode(frame(), "quick"), "eyJ");
    assert.equal(FakeWorker.all.length, 2);
  });
}

/** Return a camera before which a code stays, and what a guard hears of it. */
async function openCamera(decode: (frame: unknown) => Promise<string | null>) {
  const track = Object.assign(new EventTarget(), { stop: () => {}, getSettings: () => ({}) });
  const stream = { getTracks: () => [track], getVideoTracks: () => [track] };
  const heard: string[] = [];
  const guard = { isTyping: false, asked: 0, heard, track };
  const picture = { close: () => {} };
  const video = { play: async () => {}, videoWidth: 640, videoHeight: 480, requestVideoFrameCallback: (next: () => void) => next() };
  Object.assign(globalThis, { localStorage: { getItem: () => null }, createImageBitmap: async () => picture });
  Object.defineProperty(globalThis, "navigator", { configurable: true, value: { mediaDevices: { getUserMedia: async () => stream } } });
  const camera = new Camera(video as unknown as HTMLVideoElement, { decode } as unknown as Decoder, {
    onText: (text) => heard.push(text),
    isPaused: () => ((guard.asked += 1), guard.isTyping),
    onPause: () => {},
    onDecoder: (isGood) => heard.at(-1) !== `decoder ${isGood}` && heard.push(`decoder ${isGood}`),
    onLost: () => heard.push("lost"),
  });
  await camera.start();
  return { camera, guard };
}

/** Return once something holds, which the test's own time limit ends. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("no code in view ends what a guard types; the one of before is no new scan, another one is", async () => {
  let text = "one";
  let looks = 0;
  const { camera, guard } = await openCamera(async () => ((looks += 1), text));
  await until(() => guard.heard.includes("one"));
  guard.isTyping = true;
  text = "two";
  await until(() => looks > 0);
  const before = looks;
  const frames = guard.asked + 3;
  await until(() => guard.asked >= frames);
  assert.ok(looks <= before + 1, "it does not look, but at the frame of that moment");
  assert.deepEqual(guard.heard.filter((one) => one === "two"), []);
  guard.isTyping = false;
  await until(() => guard.heard.includes("two"));
  camera.stop();
});

test("where a frame cannot be made, or the decoder fails at one, it gets copies of the picture", async () => {
  for (const isMade of [true, false]) {
    class VideoFrame {
      constructor() {
        if (!isMade) throw new TypeError("no frame");
      }
    }
    Object.assign(globalThis, { VideoFrame });
    const seen: boolean[] = [];
    const { camera } = await openCamera(async (frame) => {
      seen.push(frame instanceof VideoFrame);
      if (frame instanceof VideoFrame) throw new Error("not drawn");
      return null;
    });
    await until(() => seen.includes(false));
    camera.stop();
    assert.equal(seen[0], isMade);
    assert.deepEqual(seen.slice(isMade ? 1 : 0).filter((isFrame) => isFrame), []);
  }
  Reflect.deleteProperty(globalThis, "VideoFrame");
});

test("a decoder that has failed, or a camera that is taken away, is told", async () => {
  let isGood = false;
  const { camera, guard } = await openCamera(async () => {
    if (!isGood) throw new Error("dead");
    return null;
  });
  await until(() => guard.heard.includes("decoder false"));
  isGood = true;
  await until(() => guard.heard.includes("decoder true"));
  guard.track.dispatchEvent(new Event("ended"));
  assert.deepEqual([guard.heard.at(-1), camera.isOn], ["lost", false]);
});

test("a shift's measures do not fill the memory", () => {
  for (let count = 0; count < 2_500; count += 1) measure("frame to text", performance.now());
  assert.ok(performance.getEntriesByName("frame to text").length <= 1_000);
});

/** A picture as a browser has it. */
class Picture {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(width: number, height: number) {
    [this.width, this.height] = [width, height];
    this.data = new Uint8ClampedArray(4 * width * height);
  }
}

test("the code of the warm-up is read: so the browser has compiled all of the decoder before a visitor", async () => {
  Object.assign(globalThis, { ImageData: Picture });
  const wasm = fileURLToPath(import.meta.resolve("zxing-wasm/reader/zxing_reader.wasm"));
  await prepareZXingModule({ overrides: { wasmBinary: new Uint8Array(readFileSync(wasm)).buffer }, fireImmediately: true });
  for (const careful of [false, true]) assert.equal(await readCode(drawCode(), careful), "e-Pass");
});
