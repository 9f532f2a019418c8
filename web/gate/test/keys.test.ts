// New and withdrawn keys reach a gate that is online within a minute, by its own rounds of ten seconds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { SignJWT, exportJWK, generateKeyPair } from "jose";
import { ISSUER, KEY, MINUTE, NUMBER, OTHER, Server, openGate, pass, tokenOf } from "./server.ts";

const ROUND_MS = 10_000;
const next = await generateKeyPair("EdDSA", { crv: "Ed25519" });
const NEXT = { kid: "k2", x: (await exportJWK(next.publicKey)).x ?? "" };

function listUnderNext(server: Server): Promise<string> {
  const at = Math.floor(server.now / 1000);
  return new SignJWT({ iss: ISSUER, aud: "gate", iat: at, exp: at + 3600, seq: 99, revoked: [NUMBER] })
    .setProtectedHeader({ typ: "epass-status+jwt", alg: "EdDSA", kid: NEXT.kid })
    .sign(next.privateKey);
}

/** Let rounds pass, with a list signed in each; returns the problems of the list that a guard saw. */
async function rounds(gate: { refresh(): Promise<void>; state(): { listProblem: string | null } }, server: Server, forMs: number) {
  const seen = new Set<string | null>();
  for (const end = server.now + forMs; server.now < end; ) {
    server.now += ROUND_MS;
    server.statusJws = await listUnderNext(server);
    await gate.refresh();
    seen.add(gate.state().listProblem);
  }
  return [...seen];
}

test("after a rotation the list under the new key is taken within a minute, and nobody is alarmed", async () => {
  const { gate, server } = await openGate();
  server.manifest = { keys: [KEY] }; // verify hears of a key a moment later
  const first = await rounds(gate, server, 20_000);
  server.manifest = { keys: [KEY, NEXT] };
  const then = await rounds(gate, server, MINUTE - 20_000);
  assert.deepEqual([...first, ...then], [null, null]);
  server.down = true;
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "revoked");
  assert.ok((gate.state().listAgeS ?? Infinity) <= ROUND_MS / 1000);
});

test("a withdrawn key is refused within a minute, also where no list says that it is", async () => {
  const server = new Server();
  server.manifest = { keys: [KEY, NEXT] };
  server.statusJws = await listUnderNext(server);
  const { gate } = await openGate(server);
  const token = await tokenOf(pass({ pass: OTHER }));
  server.manifest = { keys: [NEXT], withdrawn: [KEY.kid] };
  await rounds(gate, server, MINUTE);
  server.down = true;
  assert.equal((await gate.scan(token, "entry")).outcome, "bad_signature");
});

test("a gate that opens just after a rotation has its passes, and the list a moment later", async () => {
  const server = new Server();
  server.manifest = { keys: [KEY] };
  server.statusJws = await listUnderNext(server);
  const { gate } = await openGate(server);
  assert.deepEqual([gate.state().passes, gate.state().listProblem], [1, null]);
});

test("a list under a key that does not come is an alarm after a minute", async () => {
  const { gate, server } = await openGate();
  await rounds(gate, server, 2 * MINUTE);
  assert.equal(gate.state().listProblem, "unknown_key");
});

test("keys and changes are stored at once where they matter, and the large rest now and then", async () => {
  const { gate, server, device } = await openGate();
  server.manifest = { keys: [NEXT], withdrawn: [KEY.kid] };
  await rounds(gate, server, MINUTE);
  device.kill();
  server.down = true;
  const again = await device.open();
  const shown = await again.scan(await tokenOf(pass({ pass: OTHER })), "entry");
  assert.equal(shown.outcome, "bad_signature", "also after the app was killed");
});
