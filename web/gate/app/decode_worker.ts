// The worker that decodes frames, so that the page never waits for it.
import { prepareZXingModule } from "zxing-wasm/reader";
import { readCode } from "./decoding.ts";

/** What the page sends: first where the decoder is, then frames. */
export type ToDecoder = { wasm: string } | { id: number; frame: ImageBitmap; careful: boolean };
/** What the page gets back for each of them. */
export type FromDecoder = { ready: true } | { id: number; text: string | null };

interface Port {
  onmessage: ((event: MessageEvent<ToDecoder>) => void) | null;
  postMessage(message: FromDecoder): void;
}
const page = globalThis as unknown as Port;
const canvas = new OffscreenCanvas(1, 1);
const drawing = canvas.getContext("2d", { willReadFrequently: true });

function pixels(frame: ImageBitmap): ImageData {
  if (drawing === null) throw new Error("no canvas");
  if (canvas.width !== frame.width || canvas.height !== frame.height) {
    canvas.width = frame.width;
    canvas.height = frame.height;
  }
  drawing.drawImage(frame, 0, 0);
  frame.close();
  return drawing.getImageData(0, 0, canvas.width, canvas.height);
}

page.onmessage = async ({ data }) => {
  if ("wasm" in data) {
    await prepareZXingModule({ overrides: { locateFile: () => data.wasm }, fireImmediately: true });
    page.postMessage({ ready: true });
    return;
  }
  let text: string | null = null;
  try {
    text = await readCode(pixels(data.frame), data.careful);
  } finally {
    page.postMessage({ id: data.id, text });
  }
};
