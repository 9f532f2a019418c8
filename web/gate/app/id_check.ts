// The check of the ID card: one tap, the last four typed, or another card with a reason.
import type { GateState, IdType, Shown, Supervisor } from "../core/model.ts";
import { el } from "./dom.ts";
import { asksAtAll, asksForDigits, asksForPin, needsSupervisor } from "./outcome.ts";
import { idName, idTypes, t } from "./texts.ts";
import type { Admit } from "./verdict.ts";

interface CardForms {
  /** One tap: the ID is the one named. */
  button: HTMLElement | null;
  /** Why nobody can agree now, and what the guard does; null where somebody can, or nobody has to. */
  alert: string | null;
  more: HTMLElement;
}

/** Draw who comes in and the ways to confirm the ID. */
export function cardForms(shown: Shown, state: GateState, admit: Admit): CardForms {
  const party = drawParty(shown);
  const known = shown.idType;
  const isAgain = shown.outcome === "id_mismatch";
  const isDrawn = known !== undefined && asksForDigits(shown, state);
  const isAsked = asksForPin(shown, state);
  const supervisor = isAsked ? drawSupervisor(shown, state) : null;
  // After a card that did not match, a guard does not accept another one alone.
  const ofOther = !isAsked && isAgain && asksAtAll(shown, state) ? drawSupervisor(shown, state) : null;
  const enter = withAgreement(supervisor, admit);
  const canAgree = supervisor?.canAgree ?? true;
  // What the server compares by itself needs nobody after a card that did not match.
  const isCompared = shown.onlyUncompared === true && shown.trust !== "supervisor";
  const button = el(
    "button", { class: "button button--main", type: "button", onclick: () => enter({ kind: "as_applied" }, party.count()) },
    t(needsSupervisor(shown) ? "as_named_supervisor" : "as_named"),
  );
  const more = el(
    "div", { class: "card" },
    isAgain && el("h2", {}, t("compare_again")),
    supervisor?.element,
    (canAgree || isCompared) && party.element,
    el(
      "div", { class: "card__more" },
      known && (canAgree || isCompared) && drawLastFour(known, isAgain || isDrawn || !canAgree, isCompared ? admit : enter, party.count),
      canAgree && drawOther(known === undefined, ofOther, ofOther ? withAgreement(ofOther, admit) : enter, party.count),
    ),
  );
  const alert = supervisor?.alert ?? ofOther?.alert ?? null;
  return { button: known && !isAgain && !isDrawn && canAgree ? button : null, alert, more };
}

type Count = () => number | undefined;

interface Party {
  element: HTMLElement | null;
  count: Count;
}

/** Draw a box for each person, ticked for as many as may come in; the count is of those that are ticked. */
function drawParty(shown: Shown): Party {
  if (shown.party < 2) return { element: null, count: () => undefined };
  const most = shown.mayEnter || shown.party - shown.inside;
  const people = [
    shown.nameLatin ?? shown.name ?? "",
    ...shown.companions.map((one) => `${one.nameLatin || one.name}${one.child ? ` (${t("child")})` : ""}`),
  ];
  if (people.length !== shown.party) return drawStepper(most);
  const boxes = people.map((_, at) => el("input", { type: "checkbox", checked: at < most, id: `person-${at}` }));
  const count = (): number => boxes.filter((box) => box.checked).length;
  const keepToMost = (event: Event): void => {
    const changed = event.target as HTMLInputElement;
    const other = boxes.findLast((box) => box.checked && box !== changed);
    if (count() > most && other) other.checked = false;
  };
  return {
    count,
    element: el(
      "fieldset", { class: "people", onchange: keepToMost }, el("legend", {}, t("who_comes_in")),
      ...people.map((name, at) => el("label", { for: `person-${at}` }, boxes[at], el("span", {}, name))),
    ),
  };
}

/** Draw a number with a button to either side, where not every companion has a name. */
function drawStepper(most: number): Party {
  let number = most;
  const output = el("output", {}, String(number));
  const step = (by: number) => () => {
    number = Math.min(most, Math.max(1, number + by));
    output.value = String(number);
  };
  return {
    count: () => number,
    element: el(
      "fieldset", { class: "people people--number" }, el("legend", {}, t("how_many")),
      el("button", { type: "button", class: "button", "aria-label": t("one_less"), onclick: step(-1) }, "−"),
      output,
      el("button", { type: "button", class: "button", "aria-label": t("one_more"), onclick: step(1) }, "+"),
    ),
  };
}

function drawLastFour(card: IdType, open: boolean, admit: Admit, count: Count): HTMLElement {
  const field = el("input", {
    id: "last-four", class: "field field--four", autocomplete: "off", autocapitalize: "characters", maxlength: 4,
    spellcheck: "false", required: true,
  });
  const send = (event: Event): void => {
    event.preventDefault();
    admit({ kind: "matched", idType: card, last4: field.value.trim() }, count());
  };
  return el(
    "details", { open },
    el("summary", {}, t("last_four", { card: idName(card) })),
    el(
      "form", { class: "row", onsubmit: send },
      el("label", { class: "hidden", for: "last-four" }, t("last_four", { card: idName(card) })), field,
      el("button", { class: "button", type: "submit" }, t("let_in")),
    ),
  );
}

function drawOther(open: boolean, supervisor: AskedSupervisor | null, admit: Admit, count: Count): HTMLElement {
  const choice = el("select", { id: "other-type", class: "field" }, ...idTypes().map(([type, name]) => el("option", { value: type }, name)));
  const reason = el("input", { id: "other-reason", class: "field", autocomplete: "off", maxlength: 200, required: true, value: open ? t("no_card_reason") : "" });
  const send = (event: Event): void => {
    event.preventDefault();
    admit({ kind: "other_id", idType: choice.value as IdType, reason: reason.value.trim() }, count());
  };
  return el(
    "details", { open },
    el("summary", {}, t("other_id")),
    el(
      "form", { onsubmit: send },
      open && el("p", {}, t("no_card_named")),
      el("label", { for: "other-type" }, t("which_card")), choice,
      el("label", { for: "other-reason" }, t("why_accepted")), reason,
      supervisor && el("p", {}, t("supervisor_other_card")),
      supervisor?.element,
      (supervisor?.canAgree ?? true) && el("button", { class: "button", type: "submit" }, t("face_matches")),
    ),
  );
}

/** Draw the question for a supervisor who sets a refusal aside; then the ID is checked. */
export function overrideForm(
  shown: Shown, state: GateState, open: boolean, override: (supervisor: Supervisor) => void,
): HTMLElement {
  const asked = drawSupervisor(shown, state);
  const send = (event: Event): void => {
    event.preventDefault();
    const agreed = asked.read();
    if (agreed) override(agreed);
  };
  return el(
    "details", { class: "card", open }, el("summary", {}, t("override")),
    el("form", { onsubmit: send, novalidate: true }, asked.element, el("button", { class: "button", type: "submit" }, t("override_check"))),
  );
}

interface AskedSupervisor {
  element: HTMLElement;
  /** Whether there is one with a PIN; if not, why and what the guard does. */
  canAgree: boolean;
  alert: string | null;
  /** Returns who agreed; null where something is missing, which the browser then points at. */
  read: () => Supervisor | null;
}

/** Return what admits with the supervisor's agreement, once they have given it. */
function withAgreement(supervisor: AskedSupervisor | null, admit: Admit): Admit {
  return (check, count) => {
    const agreed = supervisor?.read();
    if (supervisor === null || agreed) admit(check, count, agreed ?? undefined);
  };
}

/** Draw the question who agrees, with their PIN and their reason; or that nobody can, and what the guard does. */
function drawSupervisor(shown: Shown, state: GateState): AskedSupervisor {
  const supervisors = shown.supervisorsVoid ? [] : state.supervisors;
  const login = el("select", { id: "supervisor", class: "field" }, ...supervisors.map((one) => el("option", { value: one }, one)));
  const pin = el("input", {
    id: "supervisor-pin", class: "field field--four", type: "password", inputmode: "numeric", autocomplete: "off", maxlength: 6, required: true,
  });
  const reason = el("input", { id: "supervisor-reason", class: "field", autocomplete: "off", maxlength: 200, required: true });
  if (supervisors.length === 0) {
    const alert = t(asksAtAll(shown, state) ? "supervisors_void" : "supervisor_none");
    return { element: el("div", {}), canAgree: false, alert, read: () => null };
  }
  return {
    canAgree: true,
    alert: null,
    element: el(
      "div", { class: "supervisor" },
      el("label", { for: "supervisor" }, t("supervisor_login")), login,
      el("label", { for: "supervisor-pin" }, t("supervisor_pin")), pin,
      el("label", { for: "supervisor-reason" }, t("supervisor_reason")), reason,
    ),
    read: () => {
      const agreed = { login: login.value, pin: pin.value, reason: reason.value.trim() };
      if (!pin.reportValidity() || !reason.reportValidity()) return null;
      pin.value = "";
      return agreed;
    },
  };
}
