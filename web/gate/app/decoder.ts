// Sends frames to the worker that decodes them, one at a time. A worker that fails or hangs is replaced.
import type { Frame, FromDecoder, Look, ToDecoder } from "./decode_worker.ts";

/** The decoder comes over a slow line at first; a frame takes a tenth of a second. */
const READY_LIMIT_MS = 60_000;
const FRAME_LIMIT_MS = 5_000;

interface Started {
  worker: Worker;
  ready: Promise<void>;
  /** What ends the work on the frame of now. */
  onText: (text: string | null) => void;
  onFailure: (error: Error) => void;
}

export class Decoder {
  readonly #script: string;
  readonly #wasm: string;
  readonly #limits: { readyMs: number; frameMs: number };
  #started: Started | null = null;
  #id = 0;

  constructor(script: string, wasm: string, limits = { readyMs: READY_LIMIT_MS, frameMs: FRAME_LIMIT_MS }) {
    this.#script = script;
    this.#wasm = wasm;
    this.#limits = limits;
    this.#start();
  }

  /**
   * Return the text of the code in a frame; null where none is read. The frame is given away.
   *
   * Rejects where the decoder does not start, fails or hangs; the next frame starts another one.
   */
  async decode(frame: Frame, look: Look): Promise<string | null> {
    const started = this.#started ?? this.#start();
    try {
      await within(this.#limits.readyMs, started.ready);
      this.#id += 1;
      const text = new Promise<string | null>((resolve, reject) => {
        started.onText = resolve;
        started.onFailure = reject;
      });
      send(started.worker, { id: this.#id, frame, look }, [frame]);
      return await within(this.#limits.frameMs, text);
    } catch (error) {
      frame.close();
      started.worker.terminate();
      if (this.#started === started) this.#started = null;
      throw error;
    }
  }

  #start(): Started {
    const worker = new Worker(this.#script, { type: "module" });
    const started: Started = { worker, ready: Promise.resolve(), onText: () => {}, onFailure: () => {} };
    started.ready = new Promise((resolve, reject) => {
      const fail = (): void => {
        reject(new Error("the decoder does not start"));
        started.onFailure(new Error("the decoder has failed"));
      };
      worker.onerror = fail;
      worker.onmessage = ({ data }: MessageEvent<FromDecoder>) => {
        if ("failed" in data) fail();
        else if ("ready" in data) resolve();
        else if (data.id === this.#id) started.onText(data.text);
      };
    });
    started.ready.catch(() => undefined); // each call of decode() tells it
    // the worker has no page to which an address could be relative
    send(worker, { wasm: new URL(this.#wasm, location.href).href });
    this.#started = started;
    return started;
  }
}

function send(worker: Worker, message: ToDecoder, moved: Transferable[] = []): void {
  worker.postMessage(message, moved);
}

/** Return what work comes to. Rejects where it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
