// What a scan says to the server, and what of it the guard has to correct before.
import { lastFour, maskAadhaar } from "./identity.ts";
import type { Scanned } from "./identity.ts";
import { GateProblem } from "./model.ts";
import type { Direction, IdCheck, Shown, Supervisor } from "./model.ts";
import { wireCheck } from "./wire.ts";
import type { WireIdCheck, WireScan } from "./wire.ts";

const LONGEST_REASON = 200;

/** Return what the server is asked. The nonce stays the same, however often the scan is sent. */
export function makeRequest(
  nonce: string,
  scannedAt: string,
  scanned: Scanned,
  gate: string,
  direction: Direction,
  count: number | null,
  check: WireIdCheck | null,
): WireScan {
  const what = "token" in scanned ? { token: scanned.token } : { pass_number: scanned.number };
  const rest = { nonce, scanned_at: scannedAt, id_check: check };
  return { ...what, gate, direction, count, ...rest };
}

/** Return the ID check as it is sent. Throws {@link GateProblem} where the guard has to correct it. */
export function checkedId(check: IdCheck, shown: Shown): WireIdCheck {
  if (check.kind === "matched") return wireCheck({ ...check, last4: lastFour(check.last4) }, check.idType);
  if (check.kind === "as_applied") {
    if (shown.idType === undefined) throw new GateProblem("id_type_not_chosen");
    return wireCheck(check, shown.idType);
  }
  const reason = check.reason.replace(/\0/g, "").trim();
  if (reason === "") throw new GateProblem("reason_missing");
  return wireCheck({ ...check, reason: maskAadhaar(reason).slice(0, LONGEST_REASON) }, check.idType);
}

/** Return why a supervisor agreed. Throws {@link GateProblem} where the guard has to correct it. */
export function checkedReason({ login, reason }: Supervisor): string {
  const why = reason.replace(/\0/g, "").trim();
  if (login === "" || why === "") throw new GateProblem("supervisor_missing");
  return maskAadhaar(why).slice(0, LONGEST_REASON);
}
