// A scan that this gate decided by itself, as `POST /api/v1/scans/sync` takes it (contracts/rpc/verify.py).
import type { Direction, IdCheck, IdType, Supervisor, Verdict } from "./model.ts";

export type WireIdCheck =
  | { kind: "matched"; id_type: IdType; id_last4: string }
  | { kind: "seen"; id_type: IdType }
  | { kind: "other_id"; id_type: IdType; reason: string };

/** `ScanPass`: what was scanned, where, and which ID was shown. */
export interface WireScan {
  token?: string;
  pass_number?: string;
  gate: string;
  direction: Direction;
  count: number | null;
  nonce: string;
  scanned_at: string;
  id_check: WireIdCheck | null;
}

/** A scan with the verdict that the gate gave. Its nonce stays the same, however often it is sent. */
export interface QueuedScan extends WireScan {
  offline: {
    verdict: Verdict;
    list_age_s: number | null;
    supervisor: { login_id: string; reason: string } | null;
    /** Who was signed in then. Somebody else may send the scan, and it stays one scan. */
    login?: string;
  };
}

/** Return what the server is told of the ID; `idType` is the one that the pass names. */
export function wireCheck(check: IdCheck, idType: IdType): WireIdCheck {
  if (check.kind === "as_applied") return { kind: "seen", id_type: idType };
  if (check.kind === "matched") return { kind: "matched", id_type: check.idType, id_last4: check.last4 };
  return { kind: "other_id", id_type: check.idType, reason: check.reason };
}

export function wireSupervisor(supervisor: Supervisor | undefined): QueuedScan["offline"]["supervisor"] {
  return supervisor === undefined ? null : { login_id: supervisor.login, reason: supervisor.reason };
}
