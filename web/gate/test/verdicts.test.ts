// The gate decides as verify does: contracts/samples/gate_cases.json is the domain's own table.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WireStanding } from "../core/manifest.ts";
import { standingOf } from "../core/manifest.ts";
import { GateProblem } from "../core/model.ts";
import type { Direction, Verdict } from "../core/model.ts";
import { asksHowMany, decideEntry, decideExit, standingAfter, windowToShow, windowsOf } from "../core/verdicts.ts";
import type { Attempt, Standing, Terms } from "../core/verdicts.ts";
import { sample } from "./support.ts";

interface Case {
  name: string;
  standing: WireStanding;
  attempt: {
    gate: string;
    at: string;
    direction: Direction;
    count: number | null;
    identified: boolean;
    marks: string[];
    overrides: Verdict[];
    fresh_until?: string | null;
    compared?: boolean;
  };
  expect: Record<string, unknown>;
}

const CASES = sample<Case[]>("gate_cases.json");

/** Return what the app makes of a case, as the table writes it. */
function outcome(one: Case): Record<string, unknown> {
  const standing = standingOf(one.standing);
  const { fresh_until: fresh = null, compared = true } = one.attempt;
  const freshUntil = fresh === null ? null : Date.parse(fresh);
  const attempt: Attempt = { ...one.attempt, at: Date.parse(one.attempt.at), freshUntil, compared };
  try {
    const decided =
      one.attempt.direction === "entry" ? decideEntry(standing, attempt) : decideExit(standing, attempt);
    const { verdict, count, inside, day, marks, overridable } = decided;
    const moves = verdict === "admit" || verdict === "exit";
    return {
      verdict,
      count,
      inside,
      day,
      marks,
      after: moves ? after(standingAfter(standing, decided)) : null,
      overridable,
      ...(one.attempt.direction === "exit" ? { asks: asksHowMany(standing, attempt) } : {}),
    };
  } catch (error) {
    if (error instanceof GateProblem) return { error: error.code };
    throw error;
  }
}

function after(standing: Standing): Record<string, unknown> {
  const { inside, admitted, day, admittedBefore, presumedGoneAt } = standing;
  return { inside, admitted, day, admitted_before: admittedBefore, presumed_gone_at: presumedGoneAt };
}

/** Return an expectation with its instant in milliseconds: a text may write it in many ways. */
function expected(one: Case): Record<string, unknown> {
  const then = one.expect.after as Record<string, unknown> | null | undefined;
  if (!then) return one.expect;
  const gone = then.presumed_gone_at as string | null;
  return { ...one.expect, after: { ...then, presumed_gone_at: gone === null ? null : Date.parse(gone) } };
}

test("the gate decides each case of the shared table as the server does", () => {
  assert.ok(CASES.length >= 500);
  for (const one of CASES) assert.deepEqual(outcome(one), expected(one), one.name);
});

test("of a pass for several days the open window is shown, else the next one, else the last one", () => {
  const start = Date.parse("2026-12-01T04:30:00Z");
  const days = { furtherDays: [1, 2], closedDays: [], recurring: false };
  const terms: Terms = {
    site: "PCS1",
    gate: null,
    party: 1,
    entries: 1,
    validFrom: start,
    validTo: start + 1000,
    ...days,
  };
  const [first, second, last] = windowsOf(terms);
  assert.deepEqual(windowToShow(terms, start), first);
  assert.deepEqual(windowToShow(terms, start + 1000), second);
  assert.deepEqual(windowToShow(terms, start + 10 * 86_400_000), last);
});
