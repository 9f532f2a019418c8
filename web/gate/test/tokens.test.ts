// Which tokens are genuine passes: the app comes to the same as verify, for each token of the shared corpus.
import assert from "node:assert/strict";
import { test } from "node:test";
import { importKeys, readPass } from "../core/tokens.ts";
import { sample } from "./support.ts";

interface Corpus {
  issuer: string;
  keys: { kid: string; x: string }[];
  withdrawn: string[];
  genuine: string;
  tokens: { name: string; token: string; expected: string }[];
}

const CORPUS = sample<Corpus>("forged_tokens.json");
const KEYS = await importKeys(CORPUS.keys, CORPUS.withdrawn);

async function outcome(token: string): Promise<string> {
  const read = await readPass(token, KEYS, CORPUS.issuer);
  return "claims" in read ? "genuine" : read.refused;
}

test("the gate refuses each forged or mangled token with the outcome of the server", async () => {
  assert.ok(CORPUS.tokens.length >= 300);
  const wrong: string[] = [];
  for (const { name, token, expected } of CORPUS.tokens) {
    const found = await outcome(token);
    if (found !== expected) wrong.push(`${name}: ${found}, not ${expected}`);
  }
  assert.deepEqual(wrong, []);
});

test("the gate reads the genuine token of the corpus", async () => {
  const read = await readPass(CORPUS.genuine, KEYS, CORPUS.issuer);
  assert.ok("claims" in read);
  assert.deepEqual(
    [read.claims.jti, read.claims.party, read.claims.entries, read.claims.gate],
    ["7K3M9QW3", 2, 1, null],
  );
});

test("without the key a genuine token is unreadable, and forged once the key was withdrawn", async () => {
  assert.deepEqual(await readPass(CORPUS.genuine, await importKeys([], []), CORPUS.issuer), {
    refused: "unreadable",
  });
  const withdrawn = await importKeys(CORPUS.keys, ["k1"]);
  assert.deepEqual(await readPass(CORPUS.genuine, withdrawn, CORPUS.issuer), { refused: "bad_signature" });
});
