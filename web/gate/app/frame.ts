// What stands around the verdict: the state of the gate, the camera, and the field for the next pass.
import type { Direction, GateState } from "../core/model.ts";
import type { Camera } from "./camera.ts";
import { el, icon } from "./dom.ts";
import { drawTelephones } from "./help.ts";
import { counted, currentLanguage, directoryName, duration, instant, keepMs, t } from "./texts.ts";

interface Actions {
  onNumber: (text: string) => void;
  onDirection: (direction: Direction) => void;
  onMenu: () => void;
  onHelp: () => void;
  onGate: (code: string) => void;
  onCamera: () => void;
}

export interface Frame {
  element: HTMLElement;
  video: HTMLVideoElement;
  number: HTMLInputElement;
  /** Write everything again, in the language of now. */
  write(direction: Direction): void;
  showState(state: GateState): void;
  showCamera(works: boolean): void;
  useCamera(camera: Camera): void;
  showVerdict(verdict: HTMLElement): void;
  /** Take the verdict away; of the last one so much stays, small and grey. */
  clearVerdict(last?: string | null): void;
  /** Whether a verdict stands that asks the guard nothing. */
  isAnswered(): boolean;
  busy(is: boolean): void;
  openList(list: HTMLElement): void;
  closeList(): void;
  isListOpen(): boolean;
  /** Whether somebody types into the verdict, or a dialog or a list is open: no code in view ends that. */
  isTaken(): boolean;
  pauseCamera(is: boolean): void;
  /** Say, while scans are not sent, that the browser may delete them. */
  warnOfLoss(is: boolean): void;
  /** Say that another camera is open than the one that was chosen. */
  warnOfCamera(is: boolean): void;
}

/** So long before the session's end the guard hears of it: without a network nobody can sign in again. */
const ENDS_SOON_S = 1_800;
const TYPED = ".verdict:not(.verdict--enrols) :is(select, textarea, input:not([type=checkbox]):not([type=radio]))";

export function drawFrame(actions: Actions): Frame {
  let mayLose = false;
  let isOtherCamera = false;
  const video = el("video", { muted: true, playsinline: true, "aria-hidden": "true" });
  video.muted = true; // the attribute alone does not let a browser play it
  const number = el("input", { id: "number", class: "field", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", enterkeyhint: "go" });
  const state = el("div", { class: "bar__state" });
  const place = el("strong", { class: "bar__gate" });
  const menu = el("button", { type: "button", class: "bar__menu", onclick: actions.onMenu }, icon("menu"));
  const help = el("button", { type: "button", class: "bar__help", onclick: actions.onHelp }, icon("help"));
  const banner = el("div", { class: "banner", role: "status" });
  const verdict = el("div", { class: "stage__verdict", "aria-live": "assertive" });
  const last = el("p", { class: "last", hidden: true }); // nobody has to hear of it, so it is not in the live part
  const hint = el("p", { class: "camera__hint" });
  const light = el("button", { type: "button", class: "camera__light", "aria-pressed": "false", hidden: true }, icon("light"));
  const zoom = el("input", { type: "range", class: "camera__zoom", hidden: true });
  const failed = el("div", { class: "camera__failed", hidden: true });
  const cameraBox = el("div", { class: "camera" }, video, el("div", { class: "camera__mark", "aria-hidden": "true" }), hint, light, zoom, failed);
  const turns = (["entry", "exit"] as const).map((direction) => {
    const input = el("input", { type: "radio", name: "direction", value: direction, id: `direction-${direction}`, onchange: () => actions.onDirection(direction) });
    const label = el("label", { for: `direction-${direction}` });
    return { direction, input, label };
  });
  const legend = el("legend", { class: "hidden" });
  const label = el("label", { class: "hidden", for: "number" });
  const check = el("button", { class: "button", type: "submit" });
  const send = (event: Event): void => {
    event.preventDefault();
    const text = number.value.trim();
    number.value = "";
    number.blur(); // the keyboard of a phone would hide the verdict
    if (text) actions.onNumber(text);
  };
  const next = el(
    "form", { class: "next", onsubmit: send, novalidate: true },
    el("fieldset", { class: "turn" }, legend, ...turns.flatMap((one) => [one.input, one.label])),
    el("div", { class: "row" }, label, number, check),
  );
  const stage = el("main", { class: "stage" }, last, verdict, el("div", { class: "stage__side" }, cameraBox, next));
  const listBox = el("main", { class: "sheet", hidden: true });
  const element = el("div", { class: "frame frame--waiting" }, el("header", { class: "bar" }, place, state, help, menu), banner, stage, listBox);

  function write(direction: Direction): void {
    for (const turn of turns) {
      turn.input.checked = turn.direction === direction;
      turn.label.textContent = t(turn.direction === "entry" ? "in" : "out");
    }
    element.classList.toggle("frame--out", direction === "exit");
    legend.textContent = t("direction");
    label.textContent = t("number_label");
    number.placeholder = t("number_label");
    check.textContent = t("check");
    hint.textContent = t("hold");
    menu.setAttribute("aria-label", t("menu"));
    help.setAttribute("aria-label", t("call_for_help"));
    light.setAttribute("aria-label", t("light"));
    zoom.setAttribute("aria-label", t("zoom"));
    document.title = `${t("title")} · e-Pass`;
    failed.replaceChildren(el("p", {}, t("no_camera")), el("button", { type: "button", class: "button", onclick: actions.onCamera }, t("try_camera")));
    if (!element.classList.contains("frame--waiting")) return;
    verdict.replaceChildren(el("h1", { class: "hidden" }, t("title")));
  }

  function showState(now: GateState): void {
    place.textContent = now.gate ? directoryName(now.directoryNames.gates, now.gate) : t("title");
    state.replaceChildren(
      el("span", { class: `dot dot--${now.online ? "on" : "off"}` }, now.online && el("span", { class: "hidden" }, t("online"))),
      el("span", { class: "bar__age" }, now.listAgeS === null ? t("list_none") : t("list_age", { age: duration(now.listAgeS) })),
      now.unsent > 0 && el("span", { class: "bar__unsent" }, counted("unsent", now.unsent)) || "",
    );
    const lines = bannerLines(now);
    const text = lines.map((line) => line.textContent).join();
    if (banner.dataset.text === text) return; // a reader on the screen says a changed banner only
    banner.dataset.text = text;
    banner.replaceChildren(...lines);
  }

  /** Say of the last call for help that it rings, who comes, or that nobody does and whom to telephone. */
  function helpLines(now: GateState): HTMLElement[] {
    if (now.help === null) return [];
    const { answered_by: login, unanswered_at: over, called_at: calledAt } = now.help;
    if (login !== null) return [el("p", {}, t("help_comes", { login }))];
    const at = instant(calledAt);
    const unanswered = now.online ? "help_unanswered" : "help_no_answer"; // offline an answer may not have come
    return over ? [el("p", {}, t(unanswered, { at })), ...drawTelephones(now)] : [el("p", {}, t("help_rings", { at }))];
  }

  function bannerLines(now: GateState): HTMLElement[] {
    const lines: (HTMLElement | false)[] = [
      !now.online && el("p", {}, now.offlineSince ? t("offline", { at: instant(now.offlineSince) }) : t("offline_unknown")),
      now.leaving && el("p", {}, t("leaving")),
      now.endsS !== null && now.endsS <= ENDS_SOON_S && el("p", {}, t(now.online ? "session_ends" : "session_ends_offline", { age: duration(now.endsS) })),
      isOtherCamera && el("p", {}, t("other_camera")),
      mayLose && now.unsent > 0 && el("p", {}, t("may_lose")),
      // A device that is not enrolled says elsewhere why: the guard may have to sign in before the code is taken.
      !now.signedIn && el("p", {}, now.notEnrolled === null && `${t("signed_out")} `, el("a", { href: `/${currentLanguage()}/staff/sign-in` }, t("sign_in"))),
      ...helpLines(now),
      Math.abs(now.clockOffS) > 60 && el("p", {}, t("clock_off", { age: duration(Math.abs(now.clockOffS)) })),
      now.deferred !== null && el("p", {}, t("deferred", { at: instant(now.deferred.until) })),
      // Without a list no pass is checked: the lines above say so, and the verdict has to stay in sight.
      now.namesDeleted && now.listAgeS !== null && el("p", {}, t("names_deleted", { age: duration(keepMs / 1000) })),
      now.listProblem !== null && el("p", {}, t(now.listProblem === "undated" ? "list_undated" : "list_problem")),
      now.signedIn && now.demandsSupervisor && now.supervisors.length === 0 && el("p", {}, t("supervisors_gone")),
      now.listComing && el("p", {}, t("list_coming")),
      now.signedIn && now.listAgeS === null && !now.online && el("p", {}, t("no_list")),
      now.signedIn && now.gate === null && now.gates.length > 0 && el(
        "p", { class: "banner__gates" }, t("choose_gate"), " ",
        ...now.gates.map((code) => el("button", { type: "button", class: "button", onclick: () => actions.onGate(code) }, directoryName(now.directoryNames.gates, code))),
      ),
    ];
    return lines.filter((line) => line !== false);
  }

  function useCamera(camera: Camera): void {
    light.addEventListener("click", () => {
      const on = light.getAttribute("aria-pressed") !== "true";
      void camera.setLight(on).then(() => light.setAttribute("aria-pressed", String(on)), () => undefined);
    });
    zoom.addEventListener("input", () => void camera.setZoom(Number(zoom.value)).catch(() => undefined));
    video.addEventListener("playing", () => {
      const can = camera.abilities;
      light.hidden = !can.torch;
      light.setAttribute("aria-pressed", "false");
      zoom.hidden = !can.zoom || can.zoom.max <= can.zoom.min;
      if (can.zoom) Object.assign(zoom, { min: can.zoom.min, max: can.zoom.max, step: can.zoom.step, value: camera.zoom ?? can.zoom.min });
    });
  }

  function closeList(): void {
    if (listBox.hidden) return;
    listBox.hidden = true;
    stage.hidden = false;
    listBox.replaceChildren();
  }

  return {
    element, video, number, write, showState, useCamera, closeList,
    isListOpen: () => !listBox.hidden,
    isTaken: () => !listBox.hidden || document.activeElement?.matches(TYPED) === true || document.querySelector("dialog[open]") !== null,
    pauseCamera: (is) => {
      const text = t(is ? "camera_waits" : "hold");
      if (hint.textContent !== text) hint.textContent = text;
    },
    warnOfLoss: (is) => {
      mayLose = is;
    },
    warnOfCamera: (is) => {
      isOtherCamera = is;
    },
    showCamera: (works) => {
      failed.hidden = works;
      hint.hidden = !works;
    },
    showVerdict: (drawn) => {
      element.classList.remove("frame--waiting");
      last.hidden = true;
      verdict.replaceChildren(drawn);
      verdict.scrollTop = 0;
    },
    clearVerdict: (left) => {
      element.classList.add("frame--waiting");
      verdict.replaceChildren(el("h1", { class: "hidden" }, t("title")));
      last.textContent = left ?? "";
      last.hidden = !left;
    },
    isAnswered: () => verdict.querySelector(".verdict:not(.verdict--asks, .verdict--enrols)") !== null,
    busy: (is) => {
      element.classList.toggle("frame--busy", is);
      element.setAttribute("aria-busy", String(is));
    },
    openList: (list) => {
      const back = el("button", { type: "button", class: "button no-print", onclick: closeList }, t("back_to_scan"));
      listBox.replaceChildren(back, list);
      listBox.hidden = false;
      stage.hidden = true;
      back.focus();
    },
  };
}
