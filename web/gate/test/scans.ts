// What guards see and type in the tests: IDs, tokens, and a gate without a network.
import type { WirePass } from "../core/manifest.ts";
import { GateProblem } from "../core/model.ts";
import { Server, openGate, pass, tokenOf } from "./server.ts";

export const SEEN = { kind: "as_applied" } as const;
export const RIGHT = { kind: "matched", idType: "voter_id", last4: "4821" } as const;
export const WRONG = { kind: "matched", idType: "voter_id", last4: "4822" } as const;
export const OTHER_CARD = { kind: "other_id", idType: "passport", reason: "the same face" } as const;
export const TOKEN = await tokenOf(pass());

/** Return a gate whose server has gone down since it fetched the manifest. */
export async function offlineGate(server = new Server()) {
  const opened = await openGate(server);
  server.down = true;
  return opened;
}

/** Return the token of a pass with a key of which the gate has not heard. */
export async function tokenOfNewKey(one: WirePass): Promise<string> {
  const [, ...rest] = (await tokenOf(one)).split(".");
  const head = Buffer.from(JSON.stringify({ typ: "epass+jwt", alg: "EdDSA", kid: "k2" })).toString("base64url");
  return [head, ...rest].join(".");
}

export function problem(code: string): (error: unknown) => boolean {
  return (error) => error instanceof GateProblem && error.code === code;
}
