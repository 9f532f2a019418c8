// Sends frames to the worker that decodes them, one at a time.
import type { FromDecoder, ToDecoder } from "./decode_worker.ts";

export class Decoder {
  #worker: Worker;
  #ready: Promise<void>;
  #waiting: ((text: string | null) => void) | null = null;
  #id = 0;

  constructor(script: string, wasm: string) {
    this.#worker = new Worker(script, { type: "module" });
    this.#ready = new Promise((resolve, reject) => {
      this.#worker.onerror = () => reject(new Error("the decoder does not start"));
      this.#worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => {
        if ("ready" in data) resolve();
        else if (data.id === this.#id) this.#waiting?.(data.text);
      };
    });
    this.#ready.catch(() => undefined); // each call of decode() tells it
    // the worker has no page to which an address could be relative
    this.#send({ wasm: new URL(wasm, location.href).href });
  }

  /** Return the text of the code in a frame; null where none is read. The frame is given away. */
  async decode(frame: ImageBitmap, careful: boolean): Promise<string | null> {
    await this.#ready;
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#id += 1;
      this.#send({ id: this.#id, frame, careful }, [frame]);
    });
  }

  #send(message: ToDecoder, moved: Transferable[] = []): void {
    this.#worker.postMessage(message, moved);
  }
}
