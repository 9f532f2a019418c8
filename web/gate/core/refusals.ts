// Why a gate does not take a list that the server has sent.

/**
 * How far the clocks and copies of the server's processes may differ.
 *
 * A list from further ahead is refused, since it would look young for as long; so is one from further back.
 */
export const TOLERANCE_MS = 60_000;

/**
 * `other_base`: it says what has changed since a list that this gate does not hold.
 *
 * `unknown_key`: it may be genuine, under a key that has not come here yet.
 *
 * `undated`: what is held is from the future, since a clock was ahead. How old it is nobody knows.
 */
export type ListProblem =
  "future" | "rolled_back" | "forged" | "unknown_key" | "other_gate" | "other_base" | "undated";

/** A list that the gate does not take; what it holds stays. */
export class ListRefused extends Error {
  readonly problem: ListProblem;

  constructor(problem: ListProblem) {
    super(problem);
    this.problem = problem;
  }
}
