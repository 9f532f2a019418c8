// The camera: which one, its light and zoom, and the frames that it gives to the decoder.
import type { Frame, Look } from "./decode_worker.ts";
import type { Decoder } from "./decoder.ts";
import { measure } from "./measure.ts";

/** What some cameras can do, which the types of the DOM do not know yet. */
interface Abilities extends MediaTrackCapabilities {
  torch?: boolean;
  zoom?: { min: number; max: number; step: number };
}
interface Wish extends MediaTrackConstraintSet {
  torch?: boolean;
  zoom?: number;
}
/** With `zoom` a browser asks whether the page may move the camera, too: else it hides that the camera can. */
interface Wanted extends MediaTrackConstraints {
  zoom?: true;
}
interface Listener {
  onText: (text: string, frameAt: number) => void;
  /** Whether the guard is about something that no code in view may end. */
  isPaused: () => boolean;
  onPause: (is: boolean) => void;
  /** The decoder has failed, or works again. */
  onDecoder: (works: boolean) => void;
  /** The system has taken the camera away. */
  onLost: () => void;
}

const KEPT = "gate.camera";
/** For so long a code that stays in view is the same scan. */
export const SAME_CODE_MS = 3000;
const BETWEEN_FRAMES_MS = 60;
/** After so many pictures that could not be taken the guard hears of it: a camera begins with some. */
const MOST_FAILED = 20;
/** So long after the decoder has failed another one is started. */
const AFTER_FAILURE_MS = 1000;
/** How the frames are looked at, one after the other. */
const LOOKS: readonly Look[] = ["quick", "sharp", "careful"];

/** Open the first of these cameras that opens. Rejects as the last one does. */
async function openFirst([video, ...others]: Wanted[]): Promise<MediaStream> {
  const opened = navigator.mediaDevices.getUserMedia({ video });
  return others.length === 0 ? opened : opened.catch(() => openFirst(others));
}

export class Camera {
  readonly video: HTMLVideoElement;
  #decoder: Decoder;
  #listener: Listener;
  #stream: MediaStream | null = null;
  #run = 0;
  #last = { text: "", seenAt: 0 };
  /** All that was asked of the camera since it was opened: each wish replaces those before. */
  #wishes: Wish = {};
  /** Whether frames go to the decoder as they are; where that has failed once, copies of them do. */
  #givesFrames = "VideoFrame" in globalThis;

  constructor(video: HTMLVideoElement, decoder: Decoder, listener: Listener) {
    this.video = video;
    this.#decoder = decoder;
    this.#listener = listener;
  }

  /** Open the camera that was chosen on this device, else the one that looks away from the guard. */
  async start(): Promise<void> {
    this.stop();
    const run = this.#run;
    const chosen = localStorage.getItem(KEPT);
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    const environment = { ...size, facingMode: { ideal: "environment" } };
    const stream = await openFirst([
      ...(chosen ? [{ ...size, deviceId: { exact: chosen }, zoom: true as const }, { ...size, deviceId: { exact: chosen } }] : []),
      { ...environment, zoom: true },
      environment,
    ]);
    if (run !== this.#run) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#stream = stream;
    this.#wishes = {};
    for (const track of stream.getVideoTracks()) track.addEventListener("ended", () => this.#lost(run));
    this.video.srcObject = stream;
    await this.video.play();
    void this.#scan(run);
  }

  #lost(run: number): void {
    if (run !== this.#run) return;
    this.stop();
    this.#listener.onLost();
  }

  stop(): void {
    this.#run += 1;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
  }

  /** Whether another camera is open than the one that was chosen on this device. */
  get isOther(): boolean {
    const [chosen, opened] = [localStorage.getItem(KEPT), this.chosen];
    return chosen !== null && opened !== undefined && opened !== chosen; // a browser may not say which one it is
  }

  get isOn(): boolean {
    return this.#stream !== null;
  }

  /** Forget the code in view: it is another scan now, since the direction was changed. */
  forget(): void {
    this.#last = { text: "", seenAt: 0 };
  }

  async cameras(): Promise<MediaDeviceInfo[]> {
    const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    return devices.filter((one) => one.kind === "videoinput" && one.deviceId !== "");
  }

  get chosen(): string | undefined {
    return this.#track?.getSettings().deviceId;
  }

  /** Open this camera from the next start on. */
  choose(deviceId: string): void {
    localStorage.setItem(KEPT, deviceId);
  }

  get #track(): MediaStreamTrack | undefined {
    return this.#stream?.getVideoTracks()[0];
  }

  /** Return what this camera can do. */
  get abilities(): Abilities {
    return this.#track?.getCapabilities?.() ?? {};
  }

  /** Return how near this camera shows things now, where it can tell. */
  get zoom(): number | undefined {
    return (this.#track?.getSettings() as { zoom?: number } | undefined)?.zoom;
  }

  async setLight(on: boolean): Promise<void> {
    await this.#wish({ torch: on });
  }

  async setZoom(zoom: number): Promise<void> {
    await this.#wish({ zoom });
  }

  async #wish(wish: Wish): Promise<void> {
    const wishes = { ...this.#wishes, ...wish };
    await this.#track?.applyConstraints({ advanced: [wishes] });
    this.#wishes = wishes;
  }

  async #scan(run: number): Promise<void> {
    let failed = 0;
    for (let count = 0; run === this.#run; count += 1) {
      await this.#nextFrame();
      if (run !== this.#run) return;
      const isPaused = this.#listener.isPaused();
      this.#listener.onPause(isPaused);
      if (isPaused) {
        this.#last.seenAt = performance.now(); // the code of before is no new scan afterwards
        continue;
      }
      const frameAt = performance.now();
      const frame = await this.#frame().catch(() => null);
      failed = frame === null ? failed + 1 : 0;
      if (failed === MOST_FAILED) this.#listener.onDecoder(false);
      const text = frame && (await this.#decode(frame, LOOKS[count % LOOKS.length] ?? "quick"));
      if (text) measure("frame to text", frameAt);
      if (text && run === this.#run) this.#found(text, frameAt);
    }
  }

  async #decode(frame: Frame, look: Look): Promise<string | null> {
    try {
      const text = await this.#decoder.decode(frame, look);
      this.#listener.onDecoder(true);
      return text;
    } catch {
      this.#givesFrames = false; // perhaps this browser's worker cannot draw one
      this.#listener.onDecoder(false);
      await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS));
      return null;
    }
  }

  #found(text: string, frameAt: number): void {
    const isSame = text === this.#last.text && frameAt - this.#last.seenAt < SAME_CODE_MS;
    this.#last = { text, seenAt: frameAt };
    if (!isSame) this.#listener.onText(text, frameAt);
  }

  #nextFrame(): Promise<void> {
    return new Promise((resolve) => {
      setTimeout(() => {
        if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(() => resolve());
        else requestAnimationFrame(() => resolve());
        setTimeout(resolve, 500); // a camera that is taken away gives no more frames
      }, BETWEEN_FRAMES_MS);
    });
  }

  /** Return the picture of now. */
  async #frame(): Promise<Frame> {
    try {
      if (this.#givesFrames) return new VideoFrame(this.video);
    } catch (error) {
      const hasNone = error instanceof DOMException && error.name === "InvalidStateError"; // not yet, or no more
      if (!hasNone) this.#givesFrames = false;
    }
    return createImageBitmap(this.video);
  }
}
