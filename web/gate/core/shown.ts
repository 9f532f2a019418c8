// What the guard is shown of a scan: from the server's answer, or from a decision of this gate.
//
// Both name people only with a verdict of `NAMING`, as services/verify/handlers/scans.py does.
import { companionOf, isUnvouched } from "./manifest.ts";
import type { HeldPass, OfflinePolicy, WireCompanion, WirePerson } from "./manifest.ts";
import type { Direction, DirectoryNames, Outcome, Shown, Trust } from "./model.ts";
import { daysOf, insideAt, windowToShow } from "./verdicts.ts";
import type { Decision } from "./verdicts.ts";
import type { ScanResult, WireScan } from "./wire.ts";

/** Verdicts with which somebody passes, or the guard has to decide. */
const NAMING: readonly Outcome[] = ["admit", "exit", "id_mismatch"];

/** What a verdict of this gate rests on. */
export interface Footing {
  offline: boolean;
  ageS: number | null;
  trust: Trust;
}

/** Return what is shown where nothing is known of the pass. */
export function showNothing(outcome: Outcome, direction: Direction, at: string, footing: Footing): Shown {
  return {
    outcome,
    preview: direction === "entry",
    direction,
    at,
    companions: [],
    party: 0,
    inside: 0,
    mayEnter: 0,
    overridable: [],
    agreed: false,
    days: [],
    vehicleAllowed: false,
    callSupervisor: false,
    marks: [],
    ...footing,
    recorded: false,
  };
}

/** Return what is shown of the server's answer. */
export function showResult(
  result: ScanResult,
  request: WireScan,
  names: DirectoryNames,
  policy: OfflinePolicy,
): Shown {
  const isAdmitted = result.preview && result.verdict === "admit";
  const isAsked = isAdmitted && (result.supervisors.length > 0 || result.supervisors_void);
  return {
    outcome: result.verdict,
    preview: result.preview,
    direction: request.direction,
    at: request.scanned_at,
    pass: result.pass ?? undefined,
    reference: result.reference ?? undefined,
    ...people(result, names),
    party: result.party,
    inside: result.inside,
    mayEnter: result.may_enter,
    overridable: result.overridable ?? [],
    agreed: request.supervisor !== undefined,
    validFrom: result.valid_from ?? undefined,
    validTo: result.valid_to ?? undefined,
    days: result.days,
    site: result.site ?? undefined,
    gate: result.gate ?? undefined,
    vehicle: result.vehicle ?? undefined,
    vehicleAllowed: result.vehicle_allowed,
    assistance: result.assistance ?? undefined,
    callSupervisor: result.call_supervisor || isAsked,
    onlyUncompared: isAsked && !result.call_supervisor,
    supervisorsVoid: result.supervisors_void ?? false,
    undelivered: result.undelivered,
    marks: result.marks,
    insideSince: result.inside_since ?? undefined,
    insideGate: result.inside_gate ?? undefined,
    offline: false,
    ageS: result.list_age_s,
    // The server has decided; a list that does not get newer is shown, and refuses nobody.
    trust: (result.list_age_s ?? 0) <= policy.green_s ? "green" : "amber",
    recorded: !result.preview,
  };
}

/** Return what is shown of a decision of this gate. */
export function showDecision(
  held: HeldPass,
  decision: Decision,
  request: WireScan,
  preview: boolean,
  names: DirectoryNames,
  footing: Footing,
): Shown {
  const { standing, wire } = held;
  const { verdict } = decision;
  const { terms } = standing;
  const at = Date.parse(request.scanned_at);
  const named = NAMING.includes(verdict) ? wire : null;
  const window = terms === null ? null : windowToShow(terms, at);
  const isHere = verdict === "already_inside";
  const isEntry = preview && request.direction === "entry";
  const persons = isEntry ? insideAt(standing, at) : preview ? standing.inside : decision.inside;
  return {
    ...showNothing(verdict, request.direction, request.scanned_at, footing),
    preview,
    pass: held.number,
    reference: wire?.reference ?? undefined,
    ...(named === null ? {} : people(named, names)),
    party: terms?.party ?? 0,
    inside: verdict === "wrong_site" ? 0 : persons,
    mayEnter: preview && verdict === "admit" ? decision.count : 0,
    overridable: preview ? [...decision.overridable] : [],
    agreed: request.supervisor !== undefined,
    validFrom: window === null ? undefined : new Date(window.start).toISOString(),
    validTo: window === null ? undefined : new Date(window.end).toISOString(),
    days: terms === null || terms.recurring ? [] : daysOf(terms),
    site: terms?.site,
    gate: terms?.gate ?? undefined,
    vehicle: named?.vehicle ?? undefined,
    vehicleAllowed: wire?.vehicle_allowed ?? false,
    assistance: named?.assistance ?? undefined,
    // A supervisor looks at a pass for which nothing but its token speaks, too.
    callSupervisor:
      request.direction === "entry" && (wire?.call_supervisor === true || (isUnvouched(held) && verdict === "admit")),
    // Whoever shows a QR code has the message, whatever the vendor has told of it.
    undelivered: request.direction === "entry" && request.token === undefined && (wire?.undelivered ?? false),
    marks: [...decision.marks],
    insideSince: isHere ? (held.insideSince ?? undefined) : undefined,
    insideGate: isHere ? (held.lastGate ?? undefined) : undefined,
  };
}

/** Return what a supervisor's PIN counts for besides what it sets aside: they see it before and after. */
export function alsoAgreed(shown: Shown): ("call" | "mismatch")[] {
  const isSetAside = shown.overridable.length > 0 || (shown.agreed && shown.outcome === "admit" && shown.preview);
  if (!isSetAside) return [];
  const isMismatched = shown.mismatched === true || (shown.callSupervisor && shown.onlyUncompared === true);
  const isCalled = shown.callSupervisor && shown.onlyUncompared !== true;
  return [...(isCalled ? ["call" as const] : []), ...(isMismatched ? ["mismatch" as const] : [])];
}

interface Visit {
  applicant: WirePerson | null;
  companions: WireCompanion[];
  department: string | null;
  officer: string | null;
}

/** Return who comes and whom they meet. */
function people(visit: Visit, names: DirectoryNames): Partial<Shown> & Pick<Shown, "companions"> {
  const { applicant, department, officer } = visit;
  const office =
    department !== null && officer !== null ? names.officers[`${department}/${officer}`] : undefined;
  return {
    name: applicant?.name,
    nameLatin: applicant?.name_latin || applicant?.name,
    idType: applicant?.id_type ?? undefined,
    guardian: applicant?.guardian?.name,
    companions: visit.companions.map(companionOf),
    department: department ?? undefined,
    officer: officer ?? undefined,
    room: office?.room || undefined,
  };
}
