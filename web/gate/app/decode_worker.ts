// The worker that decodes frames, so that the page never waits for it.
import { prepareZXingModule } from "zxing-wasm/reader";
import { readCode } from "./decoding.ts";
import { drawCode } from "./warm_up.ts";

/** A picture of the camera: a frame where the browser has them, which costs the page nothing. */
export type Frame = VideoFrame | ImageBitmap;
/**
 * How long to look at a frame in which the quick look finds nothing: not at all, at all pixels of its middle,
 * or with care at the whole.
 */
export type Look = "quick" | "sharp" | "careful";
/** What the page sends: first where the decoder is, then frames. */
export type ToDecoder = { wasm: string } | { id: number; frame: Frame; look: Look };
/** What the page gets back for each of them. */
export type FromDecoder = { ready: true } | { failed: true } | { id: number; text: string | null };

interface Port {
  onmessage: ((event: MessageEvent<ToDecoder>) => void) | null;
  postMessage(message: FromDecoder): void;
}
const page = globalThis as unknown as Port;
/** Pixels on each side of the quick look: a code that fills half of it has three for a module. */
const QUICK = 480;
/** The most pixels on each side of the others. */
const SHARP = 800;
const LARGEST = 1280;
/** How often a code is read before the first frame, until the browser has compiled all of it. */
const WARM_UPS = 3;
const drawings = { small: drawing(), large: drawing() };

function drawing(): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no canvas");
  return context;
}

/** Return the middle of a frame, a square, or all of it, at most so large. */
function pixels(frame: Frame, part: "middle" | "whole", largest: number, on: keyof typeof drawings): ImageData {
  const [width, height] = "displayWidth" in frame ? [frame.displayWidth, frame.displayHeight] : [frame.width, frame.height];
  const side = Math.min(width, height);
  const [from, to] = part === "whole" ? [width, height] : [side, side];
  const scale = Math.min(1, largest / Math.max(from, to));
  const [wide, high] = [Math.round(from * scale), Math.round(to * scale)];
  const { canvas } = drawings[on];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  drawings[on].drawImage(frame, (width - from) / 2, (height - to) / 2, from, to, 0, 0, wide, high);
  return drawings[on].getImageData(0, 0, wide, high);
}

/** Look at a frame: quickly at its middle, where a guard holds a code, and then longer as far as it is asked for. */
async function read(frame: Frame, look: Look): Promise<string | null> {
  const text = await readCode(pixels(frame, "middle", QUICK, "small"), false);
  if (text !== null || look === "quick") return text;
  if (look === "sharp") return readCode(pixels(frame, "middle", SHARP, "large"), false);
  const careful = await readCode(pixels(frame, "whole", LARGEST, "large"), true);
  // At half the size cracks are thinner.
  return careful ?? readCode(pixels(frame, "whole", LARGEST / 2, "large"), true);
}

async function warmUp(): Promise<void> {
  const code = drawCode();
  for (let count = 0; count < WARM_UPS; count += 1) await readCode(code, false);
  await readCode(new ImageData(code.width, code.height), true);
}

page.onmessage = async ({ data }) => {
  // A page hears of no error of an asynchronous function, unless it is told.
  try {
    if ("wasm" in data) {
      await prepareZXingModule({ overrides: { locateFile: () => data.wasm }, fireImmediately: true });
      // The browser compiles the code of the first look while it runs: better now than before a visitor.
      await warmUp();
      page.postMessage({ ready: true });
    } else page.postMessage({ id: data.id, text: await read(data.frame, data.look) });
  } catch {
    page.postMessage({ failed: true });
  } finally {
    if ("frame" in data) data.frame.close();
  }
};
