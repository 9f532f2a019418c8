// Hears what the other gates of the site record, and of a newer list of revoked passes, within seconds.
//
// The gateway ends the stream after a minute and the browser opens it again. Without it the gate learns the
// same from its next list.
import type { GateApi, HelpCall, Movement } from "../core/model.ts";

const NEWS = "/api/v1/gate/news";
/** So long the gate does not ask again after the gateway has refused. */
const PAUSE_MS = 10_000;

/** Listen while somebody is signed in, the gateway answers and the app is in front. */
export function listenToNews(gate: GateApi): void {
  let source: EventSource | null = null;
  let of: string | null = null;
  let refusedAt = -Infinity;

  function update(): void {
    const { signedIn, online, lock, gate: code } = gate.state();
    const wanted = signedIn && online && lock !== "locked" && !document.hidden ? code : null;
    if (wanted === of) return;
    if (wanted !== null && performance.now() - refusedAt < PAUSE_MS) return;
    source?.close();
    of = wanted;
    source = wanted === null ? null : open(wanted);
  }

  function open(code: string): EventSource {
    const opened = new EventSource(`${NEWS}?gate=${encodeURIComponent(code)}`);
    opened.addEventListener("movement", ({ data }: MessageEvent<string>) => {
      void gate.hear(JSON.parse(data) as Movement);
    });
    opened.addEventListener("help", ({ data }: MessageEvent<string>) => gate.hearHelp(JSON.parse(data) as HelpCall));
    opened.addEventListener("status", () => void gate.hearStatus());
    opened.addEventListener("reload", () => void gate.hearReload());
    // What was told between the gate's last list and this first answer went past it. Later the browser asks on.
    opened.addEventListener("open", () => void gate.hearReload(), { once: true });
    opened.addEventListener("error", () => {
      if (opened.readyState !== EventSource.CLOSED) return; // the browser opens it again by itself
      refusedAt = performance.now();
      of = null;
      void gate.refresh(); // the session or the device may have ended: what is held has to go now
    });
    return opened;
  }

  gate.subscribe(update);
  document.addEventListener("visibilitychange", update);
  update();
}
