// The call for help: the guard says why, the reception rings, and the banner says who comes.
import type { GateApi, GateState, HelpReason } from "../core/model.ts";
import { GateProblem, HELP_REASONS } from "../core/model.ts";
import { el } from "./dom.ts";
import { helpReasonName, problemText, t } from "./texts.ts";

/** Open the question why help is needed; without a network, whom to telephone. */
export function drawHelp(gate: GateApi): void {
  const problem = el("p", { class: "verdict__problem", role: "alert", hidden: true });
  const dialog = el("dialog", { class: "menu", "aria-labelledby": "help-title" });
  const close = (): void => {
    dialog.close();
    dialog.remove();
  };
  const call = async (reason: HelpReason): Promise<void> => {
    try {
      await gate.callHelp(reason);
      close();
    } catch (error) {
      problem.textContent = (error instanceof GateProblem && problemText(error.code)) || t("trouble");
      problem.hidden = false;
    }
  };
  const { online, signedIn } = gate.state();
  const ways: HTMLElement[] = online && signedIn
    ? HELP_REASONS.map((reason) => el("button", { type: "button", class: "button", onclick: () => void call(reason) }, helpReasonName(reason)))
    : [el("p", {}, problemText("help_offline") ?? "")];
  ways.push(...drawTelephones(gate.state()));
  dialog.addEventListener("close", close);
  dialog.append(
    el("h2", { id: "help-title" }, t("call_for_help")), ...ways, problem,
    el("button", { type: "button", class: "button", onclick: close }, t("close")),
  );
  document.body.append(dialog);
  dialog.showModal();
}

/** Draw whom the guard telephones, as far as the directory has numbers. */
export function drawTelephones({ telephones }: GateState): HTMLElement[] {
  const known = [[t("reception"), telephones.reception], [t("security"), telephones.security]] as const;
  return known.filter(([, number]) => number !== "").map(([who, number]) =>
    el("p", { class: "telephone" }, `${who}: `, el("a", { href: `tel:${number.replace(/[^0-9+]/g, "")}` }, number)));
}
