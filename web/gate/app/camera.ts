// The camera: which one, its light and zoom, and the frames that it gives to the decoder.
import type { Decoder } from "./decoder.ts";

/** What some cameras can do, which the types of the DOM do not know yet. */
interface Abilities extends MediaTrackCapabilities {
  torch?: boolean;
  zoom?: { min: number; max: number; step: number };
}
interface Wish extends MediaTrackConstraintSet {
  torch?: boolean;
  zoom?: number;
}
type Listener = (text: string, frameAt: number) => void;

const KEPT = "gate.camera";
/** For so long a code that stays in view is the same scan. */
export const SAME_CODE_MS = 3000;
const BETWEEN_FRAMES_MS = 60;
const LARGEST = 1280;
const SQUARE = 800;

export class Camera {
  readonly video: HTMLVideoElement;
  #decoder: Decoder;
  #listener: Listener;
  #stream: MediaStream | null = null;
  #run = 0;
  #last = { text: "", seenAt: 0 };

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
    const open = (video: MediaTrackConstraints): Promise<MediaStream> =>
      navigator.mediaDevices.getUserMedia({ video });
    const stream = await (chosen
      ? open({ ...size, deviceId: { exact: chosen } }).catch(() => open(environment))
      : open(environment));
    if (run !== this.#run) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#stream = stream;
    this.video.srcObject = stream;
    await this.video.play();
    void this.#scan(run);
  }

  stop(): void {
    this.#run += 1;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.video.srcObject = null;
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

  async choose(deviceId: string): Promise<void> {
    localStorage.setItem(KEPT, deviceId);
    await this.start();
  }

  get #track(): MediaStreamTrack | undefined {
    return this.#stream?.getVideoTracks()[0];
  }

  /** Return what this camera can do. */
  get abilities(): Abilities {
    return this.#track?.getCapabilities?.() ?? {};
  }

  async setLight(on: boolean): Promise<void> {
    await this.#wish({ torch: on });
  }

  async setZoom(zoom: number): Promise<void> {
    await this.#wish({ zoom });
  }

  async #wish(wish: Wish): Promise<void> {
    await this.#track?.applyConstraints({ advanced: [wish] });
  }

  async #scan(run: number): Promise<void> {
    for (let count = 0; run === this.#run; count += 1) {
      await this.#nextFrame();
      if (run !== this.#run) return;
      const frameAt = performance.now();
      const careful = count % 3 === 2;
      const frame = await this.#frame(careful).catch(() => null);
      const text = frame && (await this.#decoder.decode(frame, careful).catch(() => null));
      if (text) performance.measure("frame to text", { start: frameAt });
      if (text && run === this.#run) this.#found(text, frameAt);
    }
  }

  #found(text: string, frameAt: number): void {
    const isSame = text === this.#last.text && frameAt - this.#last.seenAt < SAME_CODE_MS;
    this.#last = { text, seenAt: frameAt };
    if (!isSame) this.#listener(text, frameAt);
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

  /** Return the middle of the picture, where a guard holds a code; every third time all of it. */
  #frame(whole: boolean): Promise<ImageBitmap> {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (whole) {
      const scale = Math.min(1, LARGEST / Math.max(width, height));
      return createImageBitmap(this.video, {
        resizeWidth: Math.round(width * scale), resizeHeight: Math.round(height * scale),
      });
    }
    const side = Math.min(width, height);
    const middle = [(width - side) / 2, (height - side) / 2, side, side] as const;
    const smaller = { resizeWidth: SQUARE, resizeHeight: SQUARE };
    return side > SQUARE ? createImageBitmap(this.video, ...middle, smaller) : createImageBitmap(this.video, ...middle);
  }
}
