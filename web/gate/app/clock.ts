// Both clocks of this device: the time of day, which somebody may set, and the time that passes.
//
// Whoever waits or measures uses the second one. web/gate/test/clock.test.ts names each use of the first.
import type { Clock } from "../core/model.ts";

/**
 * Return the clocks of this device.
 *
 * Some devices do not count the time that they sleep. They hide the page before: what the clock on the wall
 * has gone on by while it was hidden counts, since a list must never look younger than it is.
 */
export function deviceClock(): Clock {
  let slept = 0;
  let hidden: { wall: number; passed: number } | null = null;
  document.addEventListener("visibilitychange", () => {
    if (hidden !== null) slept += Math.max(Date.now() - hidden.wall - (performance.now() - hidden.passed), 0);
    hidden = document.hidden ? { wall: Date.now(), passed: performance.now() } : null;
  });
  return { now: () => Date.now(), passed: () => performance.now() + slept };
}
