// The menu: lists, language, camera, and sign-out.
import type { GateApi, Language, RefusedScan } from "../core/model.ts";
import type { Camera } from "./camera.ts";
import { el } from "./dom.ts";
import { currentLanguage, directoryName, instant, LANGUAGES, languageName, lockMs, problemText, refusalName, t } from "./texts.ts";

interface Actions {
  gate: GateApi;
  camera: Camera;
  onInside: () => void;
  onEvacuation: () => void;
  onLanguage: (language: Language) => void;
  onCamera: (deviceId: string) => void;
  onSignOut: () => void;
}

/** Draw a scan that the server has refused, which goes once somebody has taken note of it. */
async function drawRefused(one: RefusedScan, gate: GateApi): Promise<HTMLElement> {
  const pass = await gate.passOfRefused(one.nonce).catch(() => null);
  const drawn = el(
    "div", { class: "menu__refused" },
    el("p", {}, t("rejected", { at: instant(one.at), why: refusalName(one.problem) })),
    pass !== null && el("p", {}, `${t("number_label")}: ${pass}`),
    el("p", {}, t(one.isKnown ? "rejected_known" : "rejected_unknown")),
    one.isKnown && gate.state().signedIn && el("button", { type: "button", class: "button", onclick: () => void gate.forgetRefused(one.nonce).then(() => drawn.remove()) }, t("noted")),
  );
  return drawn;
}

/** Ask whether to sign out although nobody can sign in again. */
export function askToSignOut(onSure: () => void): void {
  const dialog = el("dialog", { class: "menu", "aria-label": t("sign_out") });
  const close = (): void => {
    dialog.close();
    dialog.remove();
  };
  dialog.addEventListener("close", close);
  dialog.append(
    el("p", {}, problemText("sign_out_offline")),
    el("button", { type: "button", class: "button", onclick: close }, t("stay_signed_in")),
    el("button", { type: "button", class: "button", onclick: () => { close(); onSure(); } }, t("sign_out_sure")),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/** Open the menu as a dialog. */
export async function drawMenu(actions: Actions): Promise<void> {
  const { login, refused, gate, gates, choosesGate, directoryNames, notEnrolled } = actions.gate.state();
  const cameras = await actions.camera.cameras();
  const dialog = el("dialog", { class: "menu", "aria-label": t("menu") });
  const close = (): void => {
    dialog.close();
    dialog.remove();
  };
  const button = (text: string, action: () => void, attributes: Record<string, string> = {}): HTMLElement =>
    el("button", { type: "button", class: "button", ...attributes, onclick: () => { close(); action(); } }, text);
  const refusedScans = await Promise.all(refused.map((one) => drawRefused(one, actions.gate)));
  dialog.addEventListener("close", close);
  dialog.append(
    button(t("who_inside"), actions.onInside),
    button(t("evacuation"), actions.onEvacuation),
    el(
      "fieldset", { class: "menu__group" }, el("legend", {}, t("language")),
      ...LANGUAGES.map((one) => button(languageName(one), () => actions.onLanguage(one), {
        lang: one, "aria-pressed": String(one === currentLanguage()),
      })),
    ),
    ...(choosesGate ? [el(
      "fieldset", { class: "menu__group" }, el("legend", {}, t("choose_gate")),
      ...gates.map((one) => button(directoryName(directoryNames.gates, one), () => void actions.gate.chooseGate(one), {
        "aria-pressed": String(one === gate),
      })),
    )] : []),
    ...(cameras.length > 1 ? [el(
      "fieldset", { class: "menu__group" }, el("legend", {}, t("choose_camera")),
      ...cameras.map((one, at) => button(one.label || `${t("camera")} ${at + 1}`, () => actions.onCamera(one.deviceId), {
        "aria-pressed": String(one.deviceId === actions.camera.chosen),
      })),
    )] : []),
    ...refusedScans,
    // The server leads an enrolled device that locks from there back to here.
    ...(lockMs === Infinity || notEnrolled !== null ? [el("p", {}, el("a", { href: `/${currentLanguage()}/gate` }, t("plain_page")))] : []),
    ...(login ? [el("p", {}, t("signed_in_as", { login })), button(t("sign_out"), actions.onSignOut)] : []),
    button(t("close"), () => undefined),
  );
  document.body.append(dialog);
  dialog.showModal();
}
