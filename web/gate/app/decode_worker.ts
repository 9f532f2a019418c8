// The worker that decodes frames, so that the page never waits for it.
import { prepareZXingModule } from "zxing-wasm/reader";
import { readCode } from "./decoding.ts";

/** What the page sends: first where the decoder is, then frames. */
export type ToDecoder = { wasm: string } | { id: number; frame: ImageBitmap; careful: boolean };
/** What the page gets back for each of them. */
export type FromDecoder = { ready: true } | { failed: true } | { id: number; text: string | null };

interface Port {
  onmessage: ((event: MessageEvent<ToDecoder>) => void) | null;
  postMessage(message: FromDecoder): void;
}
const page = globalThis as unknown as Port;
/** Pixels on each side of the empty picture that is looked at first. */
const FIRST = 64;
const canvas = new OffscreenCanvas(1, 1);
const drawing = canvas.getContext("2d", { willReadFrequently: true });

function pixels(frame: ImageBitmap, scale: number): ImageData {
  if (drawing === null) throw new Error("no canvas");
  const [width, height] = [Math.round(frame.width * scale), Math.round(frame.height * scale)];
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  drawing.drawImage(frame, 0, 0, width, height);
  return drawing.getImageData(0, 0, width, height);
}

/** Look at a frame; with care also at half its size, in which cracks are thinner. */
async function read(frame: ImageBitmap, careful: boolean): Promise<string | null> {
  const text = await readCode(pixels(frame, 1), careful);
  return text === null && careful ? readCode(pixels(frame, 0.5), careful) : text;
}

page.onmessage = async ({ data }) => {
  // A page hears of no error of an asynchronous function, unless it is told.
  try {
    if ("wasm" in data) {
      await prepareZXingModule({ overrides: { locateFile: () => data.wasm }, fireImmediately: true });
      // The browser compiles the code of the first look while it runs: better now than before a visitor.
      await readCode(new ImageData(FIRST, FIRST), true);
      page.postMessage({ ready: true });
    } else page.postMessage({ id: data.id, text: await read(data.frame, data.careful) });
  } catch {
    page.postMessage({ failed: true });
  } finally {
    if ("frame" in data) data.frame.close();
  }
};
