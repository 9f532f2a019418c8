// A vehicle is found by any spelling of its plate: contracts/samples/plates.json is shared with contracts/plates.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isPlate, namesPlate } from "../core/plates.ts";
import { sample } from "./support.ts";

test("a vehicle is found by any spelling of its plate and by its last four digits", () => {
  for (const [typed, plate, found] of sample<[string, string, boolean | null][]>("plates.json")) {
    assert.equal(isPlate(typed) ? namesPlate(typed, plate) : null, found, `${typed} → ${plate}`);
  }
});
