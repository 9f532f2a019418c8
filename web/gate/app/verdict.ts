// The verdict, which fills the screen: colour, word and icon, the name, why, and what to do next.
import type { GateState, IdCheck, PlateHit, Shown, Supervisor } from "../core/model.ts";
import { alsoAgreed } from "../core/shown.ts";
import { el, icon } from "./dom.ts";
import { drawTelephones } from "./help.ts";
import { cardForms, overrideForm } from "./id_check.ts";
import {
  asksForCard, asksHowMany, callsNow, explain, iconOf, isStrayExit, mayOverride, restsOnOldList, toneOf,
} from "./outcome.ts";
import { counted, currentLanguage, directoryName, duration, hours, idName, instant, markName, t, verdictName } from "./texts.ts";

export type Admit = (check: IdCheck, count: number | undefined, supervisor?: Supervisor) => void;

/** What the guard answers to a verdict. */
export interface Answers {
  admit: Admit;
  override: (supervisor: Supervisor) => void;
  leave: (count?: number) => void;
  comingIn: () => void;
}

/** What the guard has just done or sees in the banner. */
const QUIET = new Set(["id_seen", "offline"]);

/** Draw a verdict; where the ID has to be checked, with the buttons for that. */
export function drawVerdict(
  shown: Shown, typed: string, state: GateState, problem: string | null, answers: Answers,
): HTMLElement {
  const checks = asksForCard(shown) || (shown.outcome === "id_mismatch" && shown.overridable.length === 0);
  const card = checks ? cardForms(shown, state, answers.admit) : null;
  const forms = card ?? (asksHowMany(shown) ? exitForm(shown, answers.leave)
    : isStrayExit(shown) ? { more: null, button: mainButton("coming_in", answers.comingIn) } : null);
  const overrides = mayOverride(shown, state);
  const asked = asksForCard(shown) && !shown.agreed;
  const parts = [
    el("div", { class: "verdict__head" }, icon(iconOf(shown)), el("h1", {}, wordOf(shown))),
    shown.callSupervisor && asked && !card?.alert && el("p", { class: "verdict__alert" }, t("call_first")),
    card?.alert && el("p", { class: "verdict__alert" }, card.alert),
    ...alsoAgreed(shown).map((what) => el("p", { class: "verdict__alert" }, t(what === "call" ? "calls_too" : "mismatch_too"))),
    shown.trust === "supervisor" && asked && el("p", { class: "verdict__alert" }, t("list_too_old")),
    names(shown),
    ...explain(shown, typed, state).map((sentence) => el("p", { class: "verdict__why" }, sentence)),
    ...(["amber", "bad"].includes(toneOf(shown)) ? drawTelephones(state) : []),
    facts(shown, state),
    problem !== null && el("p", { class: "verdict__problem", role: "alert" }, problem),
    forms?.more,
    overrides && overrideForm(shown, state, problem !== null, answers.override),
  ];
  return el(
    "article", { class: `verdict verdict--${toneOf(shown)}${forms || overrides ? " verdict--asks" : ""}` },
    el("div", { class: "verdict__body", tabindex: 0 }, ...parts),
    forms?.button, // never scrolled out of sight
  );
}

/** Return the word of a verdict. */
export function wordOf(shown: Shown): string {
  if (callsNow(shown) || (shown.outcome === "admit" && shown.trust === "refused")) return t("call_supervisor");
  if (asksForCard(shown)) return t(restsOnOldList(shown) ? "check_id_old_list" : "check_id");
  if (asksHowMany(shown)) return t("how_many_leave");
  return restsOnOldList(shown) ? t("in_by_old_list") : verdictName(shown.outcome);
}

function mainButton(key: string, onclick: () => void): HTMLElement {
  return el("button", { class: "button button--main", type: "button", onclick }, t(key));
}

/** Draw how many of a party leave: all by one tap, fewer by another one. None of it is scrolled out of sight. */
function exitForm(shown: Shown, leave: (count?: number) => void): { more: null; button: HTMLElement } {
  const fewer = Array.from({ length: shown.inside - 1 }, (_, at) => at + 1);
  const number = (count: number): HTMLElement =>
    el("button", { class: "button", type: "button", onclick: () => leave(count) }, String(count));
  const button = el(
    "div", { class: "leave" },
    el("div", { class: "leave__fewer" }, el("h2", {}, t("fewer_leave")), ...fewer.map(number)),
    el("button", { class: "button button--main", type: "button", onclick: () => leave() }, counted("all_leave", shown.inside)),
  );
  return { more: null, button };
}

/** Draw which passes name a vehicle, a button each; of one that is not open now, where it goes and when. */
export function drawChoice(hits: readonly PlateHit[], state: GateState, choose: (number: string) => void): HTMLElement {
  const names = state.directoryNames.departments;
  const parts = hits.map((hit) => {
    if (hit.number === null) {
      const department = hit.department && directoryName(names, hit.department);
      const told = [department, hours(hit.validFrom, hit.validTo)].filter(Boolean).join(" · ");
      return el("p", { class: "verdict__why" }, `${told}. ${t("ask_for_pass")}`);
    }
    const { number } = hit;
    return el(
      "button", { class: "button choice", type: "button", onclick: () => choose(number) },
      [hit.name, hit.vehicle, counted("persons", hit.party)].filter(Boolean).join(" · "),
    );
  });
  const title = t(hits.some(({ number }) => number !== null) ? "whose_pass" : "vehicle_not_now");
  return el(
    "article", { class: "verdict verdict--amber" },
    el("div", { class: "verdict__body", tabindex: 0 }, el("div", { class: "verdict__head" }, el("h1", {}, title)), ...parts),
  );
}

/** Draw that nobody has said how many leave: then all of them count as inside. */
export function drawNotCounted(shown: Shown): HTMLElement {
  return el(
    "article", { class: "verdict verdict--amber" },
    el(
      "div", { class: "verdict__body", tabindex: 0 },
      el("div", { class: "verdict__head" }, icon("amber"), el("h1", {}, t("not_counted"))),
      names(shown),
      el("p", { class: "verdict__why" }, t("not_counted_why")),
      el("ul", { class: "facts" }, el("li", { class: "facts__strong" }, counted("inside_now", shown.inside))),
    ),
  );
}

function names(shown: Shown): HTMLElement | null {
  const latin = shown.nameLatin ?? shown.name;
  if (latin === undefined) return null;
  const other = shown.name !== undefined && shown.name !== latin ? shown.name : null;
  return el(
    "div", { class: "verdict__who" },
    el("p", { class: "verdict__name" }, latin),
    other !== null && el("p", { class: "verdict__name-other" }, other),
    asksForCard(shown) && shown.idType && el("p", { class: "verdict__card" }, idName(shown.idType)),
  );
}

function facts(shown: Shown, state: GateState): HTMLElement {
  const passes = shown.outcome === "admit" || shown.outcome === "exit";
  const { who, where } = hostOf(shown, state);
  const help = shown.assistance && { wheelchair: t("wheelchair"), guide: t("guide"), written: t("written") }[shown.assistance];
  const vehicle = shown.vehicle && `${shown.vehicle}: ${t(shown.vehicleAllowed ? "vehicle_yes" : "vehicle_no")}`;
  const line = (text: string | undefined | false, strong = false): HTMLElement | false =>
    Boolean(text) && el("li", strong ? { class: "facts__strong" } : {}, text || "");
  return el(
    "ul", { class: "facts" },
    line(shown.outcome === "admit" && who),
    line(shown.outcome === "admit" && where),
    line(shown.outcome === "admit" && validity(shown)),
    line(asksForCard(shown) && shown.inside > 0 && counted("inside_already", shown.inside), true),
    line(asksForCard(shown) && shown.guardian && t("under_18", { name: shown.guardian }), true),
    line(help, true),
    line(vehicle, true),
    line(passes && (!shown.preview || asksHowMany(shown)) && counted("inside_now", shown.inside)),
    line(shown.undelivered && t("undelivered"), true),
    ...shown.marks.filter((mark) => !QUIET.has(mark)).map((mark) => line(markName(mark), true)),
    line(callsNow(shown) && shown.recorded && t("recorded")),
    line(shown.recorded && shown.offline && t("kept_here")),
    line(shown.ageS !== null && shown.trust !== "green" && (shown.offline || restsOnOldList(shown)) && t("list_age", { age: duration(shown.ageS) }), true),
    !shown.preview && el("li", { class: "facts__at" }, instant(shown.at)),
  );
}

/** Return whom the visitor meets, and where; an officer can show the way. */
function hostOf(shown: Shown, state: GateState): { who: string; where: string } {
  const names = state.directoryNames;
  const officer = names.officers[`${shown.department}/${shown.officer}`];
  const room = shown.room ?? officer?.room;
  const language = currentLanguage();
  return {
    who: officer ? [officer.name[language], officer.designation[language]].filter(Boolean).join(", ") : "",
    where: [
      shown.department && directoryName(names.departments, shown.department), room && t("room", { room }),
    ].filter(Boolean).join(" · "),
  };
}

function validity(shown: Shown): string | undefined {
  if (shown.validFrom && shown.validTo) return hours(shown.validFrom, shown.validTo);
  return shown.validTo && t("until", { at: instant(shown.validTo) });
}
