import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeGate } from "../core/fake.ts";
import { GateProblem } from "../core/model.ts";

test("the fake gate previews a pass, refuses a wrong ID and admits the right one", async () => {
  const gate = new FakeGate();
  assert.equal((await gate.scan("7K3M9QWX", "entry")).mayEnter, 3);
  assert.equal(
    (await gate.admit({ kind: "matched", idType: "aadhaar", last4: "9999" })).outcome,
    "id_mismatch",
  );
  assert.equal((await gate.admit({ kind: "as_applied" }, 2)).inside, 2);
  await assert.rejects(gate.admit({ kind: "as_applied" }), new GateProblem("no_preview"));
});
