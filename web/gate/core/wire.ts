// What the gateway and the gate's app say to each other: the names are those of contracts/rpc/verify/.
//
// The manifest's own shapes stand in manifest.ts.
import type { WireCompanion, WirePerson } from "./manifest.ts";
import type { Assistance, Direction, DirectoryNames, IdCheck, IdType, Verdict } from "./model.ts";

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
  supervisor?: WireSupervisor;
  /** Whether an exit is only looked at where several are inside. */
  ask_count?: boolean;
}

/** Who agreed to an entry, and the proof that they typed their PIN. */
export interface WireSupervisor {
  login_id: string;
  reason: string;
  proof: string;
  /** The refusals that they set aside. */
  overrides?: readonly Verdict[];
}

/** A scan with the verdict that the gate gave. Its nonce stays the same, however often it is sent. */
export interface QueuedScan extends WireScan {
  offline: {
    verdict: Verdict;
    list_age_s: number | null;
    supervisor: WireSupervisor | null;
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

/** Who is signed in: `GET /api/v1/gate/session`. */
export interface Session {
  login: string;
  site: string;
  /** Null where the login belongs to no gate, and the guard chooses one. */
  gate: string | null;
  gates: string[];
  until: string;
  /** Null where the installation asks for no enrolled device. */
  device: string | null;
}

/** `GateSession` in contracts/rpc/verify/manifests.py. The server's half of the key is not stored. */
export type WireSession = Session & { storage_half: string | null };

/** `ScanResult` in contracts/rpc/verify/scans.py. */
export interface ScanResult {
  verdict: Verdict;
  preview: boolean;
  pass: string | null;
  reference: string | null;
  applicant: WirePerson | null;
  companions: WireCompanion[];
  party: number;
  inside: number;
  may_enter: number;
  site: string | null;
  gate: string | null;
  valid_from: string | null;
  valid_to: string | null;
  days: string[];
  vehicle: string | null;
  vehicle_allowed: boolean;
  assistance: Assistance | null;
  department: string | null;
  officer: string | null;
  call_supervisor: boolean;
  /** Whether no message has brought the pass to anybody. */
  undelivered: boolean;
  /** Of whom one has to agree. */
  supervisors: string[];
  /** Whether one of them has to agree, and none can. */
  supervisors_void: boolean;
  /** What a supervisor may set aside. */
  overridable: Verdict[];
  marks: string[];
  list_age_s: number | null;
  inside_since: string | null;
  inside_gate: string | null;
}

export interface WireInside {
  pass: string;
  name: string;
  name_latin: string;
  inside: number;
  party: number;
  since: string;
  gate: string;
  department: string;
  valid_to: string;
}

export interface Named {
  code: string;
  name: DirectoryNames["sites"][string];
}

export type NamedSite = Named & { gate_names?: DirectoryNames["gates"] };
export type NamedOfficer = Named & DirectoryNames["officers"][string];
