// Who is inside, with search; and the list for an evacuation, which is printed and works without a network.
import { stillFound } from "../core/inside.ts";
import type { Certainty, Found, GateState, InsideEntry, InsideList } from "../core/model.ts";
import { el } from "./dom.ts";
import { counted, directoryName, instant, t } from "./texts.ts";

const GRADES: [Certainty, string][] = [
  ["here", "sure_here"], ["elsewhere", "sure_other"], ["offline", "sure_offline"], ["overdue", "sure_overdue"],
];
/** Notes a tick, or that it is gone. Returns when it was made. */
type OnTick = (one: InsideEntry, is: boolean) => string | null;
/** Whose people were found, and what notes them. */
interface Ticks {
  found: readonly Found[];
  note: (found: Found[]) => void;
}

/** Return who it is; of a pass whose people this gate does not know, its number, which they have with them. */
const nameOf = (one: InsideEntry): string => one.nameLatin || one.name || one.pass;
const persons = (entries: InsideEntry[]): number => entries.reduce((sum, one) => sum + one.inside, 0);

/** Draw who is inside, the longest first. */
export function drawInside({ entries, isKnown }: InsideList, state: GateState, now: number): HTMLElement {
  const oldest = [...entries].sort((one, other) => (one.since ?? "").localeCompare(other.since ?? ""));
  const field = el("input", { id: "search", type: "search", class: "field", autocomplete: "off" });
  const list = el("ul", { class: "inside" });
  const draw = (): void => {
    const wanted = field.value.trim().toLowerCase();
    const found = oldest.filter((one) => `${one.nameLatin} ${one.name} ${one.pass}`.toLowerCase().includes(wanted));
    list.replaceChildren(...found.map((one) => drawEntry(one, state, now)));
    if (found.length === 0 && (isKnown || entries.length > 0)) list.append(el("li", {}, t(entries.length ? "nobody_found" : "nobody_inside")));
  };
  field.addEventListener("input", draw);
  draw();
  return el(
    "section", { class: "list" },
    el("h1", {}, isKnown ? counted("inside", persons(entries)) : t("who_inside")),
    !isKnown && drawUnknown(),
    el("label", { for: "search" }, t("search")), field, list,
  );
}

/** Draw that the list is not whole: no number would be true. */
function drawUnknown(): HTMLElement {
  return el("p", { class: "verdict__alert", role: "alert" }, t("inside_unknown"));
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
export function drawEvacuation({ entries, isKnown }: InsideList, state: GateState, now: number, ticks: Ticks): HTMLElement {
  const found = new Map(stillFound(ticks.found, entries).map((one) => [one.pass, one]));
  const onTick = ({ pass, since, inside }: InsideEntry, is: boolean): string | null => {
    const at = new Date().toISOString();
    if (is) found.set(pass, { pass, since, inside, at });
    else found.delete(pass);
    ticks.note([...found.values()]);
    return is ? at : null;
  };
  const untick = (): void => {
    for (const box of drawn.querySelectorAll<HTMLInputElement>("td input")) box.checked = false;
    for (const at of drawn.querySelectorAll("td time")) at.textContent = "";
    found.clear();
    ticks.note([]);
  };
  const gate = state.gate ? directoryName(state.directoryNames.gates, state.gate) : "";
  const groups = GRADES.map(([grade, title]) => drawGroup(entries.filter((one) => one.certainty === grade), t(title), isKnown, state, found, onTick));
  const drawn = el(
    "section", { class: "list list--evacuation" },
    el("h1", {}, t("evacuation")),
    el("p", {}, t("made_at", { at: instant(now), gate })),
    isKnown ? el("p", { class: "list__sum" }, counted("inside", persons(entries))) : drawUnknown(),
    el("button", { class: "button no-print", type: "button", onclick: () => window.print() }, t("print")),
    " ",
    el("button", { class: "button no-print", type: "button", onclick: untick }, t("untick_all")),
    ...groups,
  );
  return drawn;
}

function drawGroup(
  entries: InsideEntry[], title: string, isKnown: boolean, state: GateState, found: ReadonlyMap<string, Found>, onTick: OnTick,
): HTMLElement | null {
  if (entries.length === 0) return null;
  const sorted = [...entries].sort((one, other) => nameOf(one).localeCompare(nameOf(other)));
  return el(
    "section", {},
    el("h2", {}, isKnown ? `${title}: ${counted("persons", persons(entries))}` : title),
    el(
      "table", {},
      el("thead", {}, el("tr", {}, ...["found_safe", "name", "people", "since", "gate"].map((key) => el("th", { scope: "col" }, t(key))))),
      el("tbody", {}, ...sorted.map((one) => drawLine(one, state, found.get(one.pass)?.at ?? null, onTick))),
    ),
  );
}

function drawLine(one: InsideEntry, state: GateState, foundAt: string | null, onTick: OnTick): HTMLElement {
  const time = el("time", {}, foundAt && instant(foundAt));
  const tick = (): void => {
    const at = onTick(one, box.checked);
    time.textContent = at && instant(at);
  };
  const box = el("input", { type: "checkbox", checked: foundAt !== null, "aria-label": `${t("found_safe")}: ${nameOf(one)}`, onchange: tick });
  return el(
    "tr", {},
    el("td", {}, box, " ", time),
    el("th", { scope: "row" }, nameOf(one), one.companions.length > 0 && el("p", { class: "list__companions" }, one.companions.join(", "))),
    el("td", {}, String(one.inside)),
    el("td", {}, one.since ? instant(one.since) : "–"),
    el("td", {}, one.gate ? directoryName(state.directoryNames.gates, one.gate) : "–"),
  );
}
