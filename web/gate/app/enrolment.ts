// Asks for the one-time code with which the ADO Branch makes this browser the device of a gate.
import type { NotEnrolled } from "../core/model.ts";
import { el, icon } from "./dom.ts";
import { t } from "./texts.ts";

/** What the ADO Branch shows, as a QR and to type: the device and its token. */
const CODE = /^\s*GAT-[0-9A-Z]{4,9}[-\s]+\S+\s*$/i;

export function isEnrolmentCode(text: string): boolean {
  return CODE.test(text);
}

function reasonOf(why: NotEnrolled): string {
  return {
    device_missing: t("device_missing"),
    device_revoked: t("device_revoked"),
    device_of_other_gate: t("device_of_other_gate"),
  }[why];
}

/** Draw the question for the code; the camera takes it as well. */
export function drawEnrolment(
  why: NotEnrolled, problem: string | null, onCode: (code: string) => void,
): HTMLElement {
  const field = el("input", {
    id: "enrolment-code", class: "field", autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    "aria-describedby": problem === null ? null : "enrolment-problem",
  });
  const send = (event: Event): void => {
    event.preventDefault();
    const code = field.value.trim();
    if (code) onCode(code);
  };
  const form = "enrolment";
  return el(
    "article", { class: "verdict verdict--ask verdict--asks verdict--enrols" },
    el(
      "div", { class: "verdict__body", tabindex: 0 },
      el("div", { class: "verdict__head" }, icon("card"), el("h1", {}, t("enrol_title"))),
      el("p", { class: "verdict__why" }, reasonOf(why)),
      el("p", { class: "verdict__why" }, t("enrol_how")),
      problem !== null && el("p", { id: "enrolment-problem", class: "verdict__problem", role: "alert" }, problem),
      el(
        "form", { id: form, onsubmit: send, novalidate: true },
        el("label", { for: "enrolment-code" }, t("enrol_code")), field,
      ),
    ),
    el("button", { type: "submit", form, class: "button button--main" }, t("enrol")),
  );
}
