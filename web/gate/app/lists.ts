// Who is inside, with search; and the list for an evacuation, which is printed and works without a network.
import type { Certainty, GateState, InsideEntry } from "../core/model.ts";
import { el } from "./dom.ts";
import { counted, directoryName, instant, t } from "./texts.ts";

const GRADES: [Certainty, string][] = [
  ["here", "sure_here"], ["elsewhere", "sure_other"], ["offline", "sure_offline"], ["overdue", "sure_overdue"],
];
type OnTick = (pass: string, is: boolean) => void;
/** The passes whose people were found, and what notes them. */
interface Ticks {
  found: readonly string[];
  note: (passes: string[]) => void;
}

/** Return who it is; of a pass whose people this gate does not know, its number, which they have with them. */
const nameOf = (one: InsideEntry): string => one.nameLatin || one.name || one.pass;
const persons = (entries: InsideEntry[]): number => entries.reduce((sum, one) => sum + one.inside, 0);

/** Draw who is inside, the longest first. */
export function drawInside(entries: InsideEntry[], state: GateState, now: number): HTMLElement {
  const oldest = [...entries].sort((one, other) => (one.since ?? "").localeCompare(other.since ?? ""));
  const field = el("input", { id: "search", type: "search", class: "field", autocomplete: "off" });
  const list = el("ul", { class: "inside" });
  const draw = (): void => {
    const wanted = field.value.trim().toLowerCase();
    const found = oldest.filter((one) => `${one.nameLatin} ${one.name} ${one.pass}`.toLowerCase().includes(wanted));
    list.replaceChildren(...found.map((one) => drawEntry(one, state, now)));
    if (found.length === 0) list.append(el("li", {}, t(entries.length ? "nobody_found" : "nobody_inside")));
  };
  field.addEventListener("input", draw);
  draw();
  return el(
    "section", { class: "list" },
    el("h1", {}, counted("inside", persons(entries))),
    el("label", { for: "search" }, t("search")), field, list,
  );
}

function drawEntry(one: InsideEntry, state: GateState, now: number): HTMLElement {
  const department = directoryName(state.directoryNames.departments, one.department);
  const gate = one.gate && directoryName(state.directoryNames.gates, one.gate);
  const since = one.since ? `${t("since")}: ${instant(one.since)}` : null;
  return el(
    "li", {},
    el("strong", {}, nameOf(one)), " ",
    el("span", {}, `${one.inside} / ${one.party}`),
    el("p", {}, [since, gate, department].filter(Boolean).join(" · ")),
    Date.parse(one.validTo) < now && el("p", { class: "facts__strong" }, t("overdue")),
  );
}

/** Draw the list for an evacuation: a box to tick for each party, in groups by how sure it is that they are inside. */
export function drawEvacuation(entries: InsideEntry[], state: GateState, now: number, ticks: Ticks): HTMLElement {
  const found = new Set(ticks.found);
  const onTick = (pass: string, is: boolean): void => {
    if (is) found.add(pass);
    else found.delete(pass);
    ticks.note([...found]);
  };
  const untick = (): void => {
    for (const box of drawn.querySelectorAll<HTMLInputElement>("td input")) box.checked = false;
    found.clear();
    ticks.note([]);
  };
  const gate = state.gate ? directoryName(state.directoryNames.gates, state.gate) : "";
  const groups = GRADES.map(([grade, title]) => drawGroup(entries.filter((one) => one.certainty === grade), title, state, found, onTick));
  const drawn = el(
    "section", { class: "list list--evacuation" },
    el("h1", {}, t("evacuation")),
    el("p", {}, t("made_at", { at: instant(now), gate })),
    el("p", { class: "list__sum" }, counted("inside", persons(entries))),
    el("button", { class: "button no-print", type: "button", onclick: () => window.print() }, t("print")),
    " ",
    el("button", { class: "button no-print", type: "button", onclick: untick }, t("untick_all")),
    ...groups,
  );
  return drawn;
}

function drawGroup(
  entries: InsideEntry[], title: string, state: GateState, found: ReadonlySet<string>, onTick: OnTick,
): HTMLElement | null {
  if (entries.length === 0) return null;
  const sorted = [...entries].sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
  return el(
    "section", {},
    el("h2", {}, `${t(title)}: ${counted("persons", persons(entries))}`),
    el(
      "table", {},
      el("thead", {}, el("tr", {}, ...["found_safe", "name", "people", "since", "gate"].map((key) => el("th", { scope: "col" }, t(key))))),
      el("tbody", {}, ...sorted.map((one) => drawLine(one, state, found.has(one.pass), onTick))),
    ),
  );
}

function drawLine(one: InsideEntry, state: GateState, checked: boolean, onTick: OnTick): HTMLElement {
  const box = el("input", {
    type: "checkbox", checked, "aria-label": `${t("found_safe")}: ${nameOf(one)}`, onchange: () => onTick(one.pass, box.checked),
  });
  return el(
    "tr", {},
    el("td", {}, box),
    el("th", { scope: "row" }, nameOf(one), one.companions.length > 0 && el("p", { class: "list__companions" }, one.companions.join(", "))),
    el("td", {}, String(one.inside)),
    el("td", {}, one.since ? instant(one.since) : "–"),
    el("td", {}, one.gate ? directoryName(state.directoryNames.gates, one.gate) : "–"),
  );
}
