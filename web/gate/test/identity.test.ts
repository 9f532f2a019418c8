// No Aadhaar number is stored: contracts/samples/masked_texts.json is what contracts/identity.py makes of texts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { maskAadhaar } from "../core/identity.ts";
import { sample } from "./support.ts";

test("what the gate stores of each text of the shared table is what the services store", () => {
  for (const [text, masked] of sample<[string, string][]>("masked_texts.json")) {
    assert.equal(maskAadhaar(text), masked, JSON.stringify(text));
  }
});
