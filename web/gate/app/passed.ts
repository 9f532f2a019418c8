// The time that has passed since the app was opened, which nobody can set.

/**
 * Return a clock of the time that has passed.
 *
 * Some devices do not count the time that they sleep. They hide the page before: what the clock on the wall
 * has gone on by while it was hidden counts, since a list must never look younger than it is.
 */
export function timePassed(): () => number {
  let slept = 0;
  let hidden: { wall: number; passed: number } | null = null;
  document.addEventListener("visibilitychange", () => {
    if (hidden !== null) slept += Math.max(Date.now() - hidden.wall - (performance.now() - hidden.passed), 0);
    hidden = document.hidden ? { wall: Date.now(), passed: performance.now() } : null;
  });
  return () => performance.now() + slept;
}
