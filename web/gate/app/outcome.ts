// How a verdict looks, why it was given, and what the guard does next.
import type { GateState, Shown } from "../core/model.ts";
import { isPlate } from "../core/plates.ts";
import type { Icon } from "./dom.ts";
import type { Tone } from "./sound.ts";
import { directoryName, instant, t } from "./texts.ts";

/** What the visitor or the guard can put right; any other refusal is red. */
const AMBER = new Set(["id_mismatch", "not_yet_valid", "day_closed", "wrong_site", "wrong_gate", "unreadable"]);
const NEXT: Partial<Record<Shown["outcome"], string>> = {
  already_inside: "next_out_first", already_used: "next_reception", not_yet_valid: "next_wait",
  day_closed: "next_reception", expired: "next_reception", wrong_site: "next_site", wrong_gate: "next_gate",
  id_mismatch: "next_card",
};
const ICONS: Record<Tone, Icon> = { good: "good", ask: "card", amber: "amber", bad: "bad" };

/** Whether the guard has to look at an ID card now. */
export function asksForCard(shown: Shown): boolean {
  return shown.outcome === "admit" && shown.preview && shown.trust !== "refused";
}

/** Whether what was shown of a standing pass is no new code, so that the last four of the ID are compared. */
export function isOldCode(shown: Shown): boolean {
  return shown.marks.includes("old_code");
}

/** Whether the last four of the ID are asked for: by the pass and the day, so another scan of it changes nothing. */
export function asksForDigits(shown: Shown, state: GateState): boolean {
  if (isOldCode(shown)) return true;
  const drawn = [...`${shown.at.slice(0, 10)} ${shown.pass ?? shown.reference ?? ""}`];
  const hash = drawn.reduce((sum, letter) => Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 0x01000193), 0x811c9dc5);
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 13)) >>> 0) % 100 < state.digits;
}

/** Whether the guard says now how many leave. */
export function asksHowMany(shown: Shown): boolean {
  return shown.outcome === "exit" && shown.preview;
}

/** Whether a supervisor can set aside what stands against an entry, by their PIN. */
export function mayOverride(shown: Shown, state: GateState): boolean {
  const canAgree = state.supervisors.length > 0 && shown.supervisorsVoid !== true;
  return shown.overridable.length > 0 && shown.trust !== "refused" && canAgree;
}

/** Whether somebody has left who had not come in: perhaps they are coming in now. */
export function isStrayExit(shown: Shown): boolean {
  return shown.outcome === "exit" && shown.recorded && shown.marks.includes("no_entry");
}

/** Whether a verdict lets somebody pass, and there is nothing left to do. */
export function letsPass(shown: Shown): boolean {
  return ["admit", "exit"].includes(shown.outcome) && shown.recorded && !callsNow(shown) && !isStrayExit(shown);
}

/** Whether an entry rests on a list that is no longer new, or on none. */
export function restsOnOldList(shown: Shown): boolean {
  return shown.outcome === "admit" && shown.trust === "amber";
}

/** Whether nobody goes in before a supervisor agrees. */
export function needsSupervisor(shown: Shown): boolean {
  return !shown.agreed && (shown.callSupervisor || shown.trust === "supervisor");
}

/** Whether a supervisor types their PIN: always where the list is too old, else where the site asks for one. */
export function asksForPin(shown: Shown, state: GateState): boolean {
  if (shown.agreed) return false;
  return shown.trust === "supervisor" || (shown.callSupervisor && asksAtAll(shown, state));
}

/** Whether the gates of the site ask for a supervisor, also where none can agree. */
export function asksAtAll(shown: Shown, state: GateState): boolean {
  return state.demandsSupervisor || shown.supervisorsVoid === true;
}

/** Whether the verdict is to call the supervisor: before the entry, and of some passes after it, too. */
export function callsNow(shown: Shown): boolean {
  return shown.outcome === "admit" && (shown.preview ? needsSupervisor(shown) : shown.callSupervisor);
}

export function toneOf(shown: Shown): Tone {
  if (shown.outcome === "admit" && shown.trust === "refused") return "bad";
  if (shown.outcome === "admit" || shown.outcome === "exit") {
    if (callsNow(shown) || restsOnOldList(shown) || isStrayExit(shown)) return "amber";
    return asksForCard(shown) || asksHowMany(shown) ? "ask" : "good";
  }
  return AMBER.has(shown.outcome) ? "amber" : "bad";
}

export function iconOf(shown: Shown): Icon {
  if (shown.outcome === "not_yet_valid") return "wait";
  return shown.outcome === "exit" ? "out" : ICONS[toneOf(shown)];
}

/** Return why, and what to do next, a sentence each. `typed` is what was scanned or typed. */
export function explain(shown: Shown, typed: string, state: GateState): string[] {
  if (isStrayExit(shown)) return [t("stray_exit")];
  if (restsOnOldList(shown)) return [t("old_list")];
  if (shown.outcome === "admit" || shown.outcome === "exit") {
    return shown.trust === "refused" && shown.outcome === "admit" ? [t("list_too_old"), t("call_first")] : [];
  }
  const next = NEXT[shown.outcome];
  return [
    ...why(shown, typed, state),
    ...shown.overridable.filter((one) => one !== shown.outcome).flatMap((one) => why({ ...shown, outcome: one }, typed, state)),
    ...(next && !(shown.outcome === "wrong_site" && shown.direction === "exit") ? [t(next)] : []),
    ...(shown.overridable.length > 0 ? [t(whoMayOverride(shown, state))] : []),
  ];
}

function whoMayOverride(shown: Shown, state: GateState): string {
  if (mayOverride(shown, state)) return "may_override";
  if (shown.trust === "refused") return "list_too_old";
  return asksAtAll(shown, state) ? "supervisors_void" : "supervisor_none";
}

function why(shown: Shown, typed: string, state: GateState): string[] {
  const names = state.directoryNames;
  const isNumber = typed.length <= 20;
  const letters = typed.replace(/[\W_]/g, "");
  switch (shown.outcome) {
    case "not_yet_valid":
      return shown.validFrom ? [t("valid_from", { at: instant(shown.validFrom) })] : [];
    case "expired":
      return shown.validTo ? [t("valid_until", { at: instant(shown.validTo) })] : [];
    case "day_closed":
      return [t("closed_day")];
    case "wrong_site":
      return [
        ...(shown.site ? [t("for_site", { place: directoryName(names.sites, shown.site) })] : []),
        ...(shown.direction === "exit" ? [t("wrong_site_exit")] : []),
      ];
    case "wrong_gate":
      return shown.gate ? [t("for_gate", { gate: directoryName(names.gates, shown.gate) })] : [];
    case "already_inside": {
      const { insideSince: since, insideGate: gate } = shown;
      const where = since && gate ? { at: instant(since), gate: directoryName(names.gates, gate) } : null;
      return [t("all_inside"), ...(where ? [t("inside_since", where)] : [])];
    }
    case "already_used":
      return [t("used")];
    case "revoked":
      return [t("withdrawn")];
    case "unknown_pass":
      if (isNumber && shown.offline) return [t("not_on_list")];
      return [t(isNumber ? "unknown_number" : "unknown_token")];
    case "bad_signature":
      return [t("not_genuine")];
    case "id_mismatch":
      return [t("not_these_four")];
    case "unreadable":
      return [t(!isNumber ? "not_read" : isPlate(typed) ? "no_such_vehicle" : letters.length === 8 ? "wrong_number" : "not_whole")];
    default:
      return [];
  }
}
