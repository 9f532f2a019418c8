// Measures that the browser keeps for `make bench`: a shift makes too many of them to keep all.

const MOST = 1_000;
const counts = new Map<string, number>();

/** Measure from a moment until now. */
export function measure(name: string, start: number): void {
  const count = (counts.get(name) ?? 0) + 1;
  if (count > MOST) performance.clearMeasures(name);
  counts.set(name, count > MOST ? 1 : count);
  performance.measure(name, { start });
}
