// The screen of a locked app: the guard's PIN, typed on large keys. The same keys take a new PIN.
import { isGoodPin } from "../core/lock.ts";
import type { GateApi } from "../core/model.ts";
import { GateProblem } from "../core/model.ts";
import { el, icon } from "./dom.ts";
import { counted, currentLanguage, LANGUAGES, languageName, problemText, t, useLanguage } from "./texts.ts";

/** So long a page is hidden before the app locks: a call, or a screen that dims for a moment, locks nothing. */
export const AWAY_MS = 30_000;
const LONGEST = 6;

interface Actions {
  gate: GateApi;
  /** Draw again, in the language of now. */
  onLanguage: () => void;
  onSignOut: (forgetsPin: boolean) => void;
  /** Say why the last wrong PIN has signed the guard out. */
  onEnd: (error: GateProblem) => void;
}

/** Draw the question for the guard's PIN, or for a new one, which is typed twice. */
export function drawLock({ gate, onLanguage, onSignOut, onEnd }: Actions): HTMLElement {
  const { lock, login, unsent, pinLength } = gate.state();
  const isNew = lock === "choose";
  let first: string | null = null;
  let isBusy = false;
  const title = el("h1", { id: "lock-title" });
  const field = el("input", {
    id: "pin", type: "password", class: "lock__field", inputmode: "none", autocomplete: "one-time-code", maxlength: LONGEST,
    "aria-describedby": "lock-problem lock-typed",
  });
  const typed = el("p", { id: "lock-typed", class: "hidden", role: "status" });
  const problem = el("p", { id: "lock-problem", class: "lock__problem", role: "alert" });
  const label = el("label", { for: "pin" });

  /** Return of how many digits the PIN is that is asked for; null where the guard says when it is whole. */
  const wanted = (): number | null => (isNew ? (first?.length ?? null) : pinLength);

  function write(): void {
    title.textContent = t(!isNew ? "locked" : "pin_choose");
    label.textContent = !isNew ? t("pin_of", { login: login ?? "" }) : t(first === null ? "pin_new" : "pin_again");
  }

  function clear(why = ""): void {
    field.value = "";
    typed.textContent = "";
    problem.textContent = why;
    if (!isBusy) field.focus();
  }

  /** Take a PIN that is whole. Letters come from a scanner: no pass that it types is a wrong PIN. */
  async function take(): Promise<void> {
    const pin = field.value;
    if (isBusy) return;
    if (isNew ? first === null && !isGoodPin(pin) : !/^\d+$/.test(pin) || pin.length !== pinLength) {
      return clear(isNew ? problemText("pin_too_easy") : "");
    }
    if (isNew && first === null) {
      first = pin;
      write();
      return clear();
    }
    if (isNew && first !== pin) {
      first = null;
      write();
      return clear(t("pin_differs"));
    }
    isBusy = true;
    pad.setAttribute("aria-busy", "true");
    try {
      await (isNew ? gate.choosePin(pin) : gate.unlock(pin));
    } catch (error) {
      first = null;
      isBusy = false;
      write();
      const code = error instanceof GateProblem ? error.code : "";
      if (code === "pins_wrong") return onEnd(error as GateProblem);
      const { triesLeft } = gate.state();
      clear(code === "wrong_pin" && triesLeft !== null ? counted("tries_left", triesLeft) : (problemText(code) ?? t("trouble")));
    } finally {
      isBusy = false;
      pad.removeAttribute("aria-busy");
    }
  }

  function look(): void {
    const { length } = field.value;
    typed.textContent = length > 0 ? counted("digits_typed", length) : "";
    if (length > 0) problem.textContent = "";
    if (length === wanted() && /^\d+$/.test(field.value)) void take();
  }

  const press = (digit: string): void => {
    if (/\D/.test(field.value)) field.value = ""; // of a scanner
    if (isBusy || field.value.length >= LONGEST) return;
    field.value += digit;
    look();
  };
  const key = (text: string | Node, action: () => void, attributes: Record<string, string> = {}): HTMLElement =>
    el("button", { type: "button", class: "lock__key", ...attributes, onclick: action }, text);
  const erase = key(icon("erase"), () => {
    field.value = field.value.slice(0, -1);
    look();
  }, { "aria-label": t("pin_erase") });
  const done = el("button", { type: "submit", class: "lock__key lock__key--done" }, t("pin_done"));
  const pad = el(
    "div", { class: "lock__pad", role: "group", "aria-label": t("pin_keys") },
    ...[..."123456789"].map((digit) => key(digit, () => press(digit))),
    erase, key("0", () => press("0")), isNew && done,
  );
  field.addEventListener("input", look);
  write();
  const send = (event: Event): void => {
    event.preventDefault();
    void take();
  };
  /** Digits of a keyboard count wherever the focus is. */
  const type = (event: Event): void => {
    const { key: text } = event as KeyboardEvent;
    if (event.target !== field && /^\d$/.test(text)) press(text);
  };
  return el(
    "main", { class: "lock", "aria-labelledby": "lock-title", onkeydown: type },
    el("div", { class: "lock__languages" }, ...LANGUAGES.map((one) => el(
      "button", {
        type: "button", class: "button", lang: one, "aria-pressed": String(one === currentLanguage()),
        onclick: () => { useLanguage(one); onLanguage(); },
      }, languageName(one),
    ))),
    el("form", { class: "lock__form", onsubmit: send, novalidate: true },
      el("div", { class: "lock__head" },
        title,
        isNew && el("p", {}, t("pin_why")),
        !isNew && unsent > 0 && el("p", {}, t("locked_unsent", { unsent: counted("unsent", unsent) })),
        label, field, typed, problem,
      ),
      pad,
    ),
    el("div", { class: "lock__ways" },
      el("button", { type: "button", class: "button", onclick: () => onSignOut(false) }, t("other_guard")),
      !isNew && el("button", { type: "button", class: "button", onclick: () => onSignOut(true) }, t("pin_forgotten")),
    ),
  );
}
