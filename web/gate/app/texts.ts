// What the app says. The gateway embeds the texts of all languages in the shell; see
// services/gateway/pages/gate_app/texts.py.
import type { Language } from "../core/model.ts";

interface Words {
  name: string;
  texts: Record<string, string>;
  counted: Record<string, [string, string]>;
  verdicts: Record<string, string>;
  marks: Record<string, string>;
  ids: Record<string, string>;
  problems: Record<string, string>;
  helpReasons: Record<string, string>;
  refusals: Record<string, string>;
  gate: string;
  months: string[];
  hours: string[];
  span: string;
}
interface Embedded {
  texts: Record<Language, Words>;
  addresses: { decoder: string; wasm: string; worker: string };
  version: string;
  /** After so many minutes untouched the app locks; 0: never. */
  lock_minutes: number;
  keep_hours: number;
}

export const LANGUAGES: Language[] = ["hi", "pa", "en"];
const KEPT = "gate.language";
const INDIA_MS = 19_800_000;
const place = document.querySelector<HTMLMetaElement>("meta[name=embedded]");
const embedded = JSON.parse(place?.content ?? "{}") as Embedded;
export const addresses = embedded.addresses;
export const appVersion = embedded.version;
export const lockMs = embedded.lock_minutes * 60_000 || Infinity;
export const keepMs = embedded.keep_hours * 3_600_000;
let language: Language = stored();
let words = embedded.texts[language];

function stored(): Language {
  const kept = localStorage.getItem(KEPT);
  return LANGUAGES.find((one) => one === kept) ?? "hi";
}

export function currentLanguage(): Language {
  return language;
}

export function languageName(one: Language): string {
  return embedded.texts[one].name;
}

/** Use a language from now on, also when the app is opened again. */
export function useLanguage(chosen: Language): void {
  language = chosen;
  words = embedded.texts[chosen];
  localStorage.setItem(KEPT, chosen);
  document.documentElement.lang = chosen;
}

function fill(text: string, values: Record<string, string | number>): string {
  return text.replace(/%\((\w+)\)s/g, (_, name: string) => String(values[name] ?? ""));
}

/** Return a sentence. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  return fill(words.texts[key] ?? key, values);
}

/** Return a sentence with a number. */
export function counted(key: string, number: number): string {
  return fill(words.counted[key]?.[number === 1 ? 0 : 1] ?? key, { num: number });
}

export const verdictName = (outcome: string): string => words.verdicts[outcome] ?? outcome;
export const markName = (mark: string): string => words.marks[mark] ?? mark;
export const idName = (type: string): string => words.ids[type] ?? type;
export const idTypes = (): [string, string][] => Object.entries(words.ids);
export const refusalName = (problem: string): string => words.refusals[problem] ?? t("rejected_other");
/** Return the sentence for the code of a problem, if there is one. */
export const helpReasonName = (reason: string): string => words.helpReasons[reason] ?? reason;
export const problemText = (code: string): string | undefined => words.problems[code];

/** Return a code's name in the directory; of a gate without a name, its number. */
export function directoryName(names: Record<string, Record<Language, string>>, code: string): string {
  const given = names[code]?.[language];
  const number = /-G(\w+)$/.exec(code)?.[1];
  return given ?? (number ? fill(words.gate, { number }) : code);
}

/** What a clock in India shows: there is no summer time. */
function inIndia(at: string | number): Date {
  return new Date(new Date(at).getTime() + INDIA_MS);
}

function timeOfDay(there: Date): string {
  const hour = there.getUTCHours();
  const time = `${hour % 12 || 12}:${String(there.getUTCMinutes()).padStart(2, "0")}`;
  return fill(words.hours[hour] ?? "", { time });
}

const dayOf = (there: Date): string => `${there.getUTCDate()} ${words.months[there.getUTCMonth()]}`;

/** Return the time of day of an instant, with the day where it is not today. */
export function instant(at: string | number): string {
  const there = inIndia(at);
  const day = dayOf(there);
  return day === dayOf(inIndia(Date.now())) ? timeOfDay(there) : `${day}, ${timeOfDay(there)}`;
}

/** Return from when to when; the day once, if it is one. */
export function hours(from: string, to: string): string {
  const isOneDay = dayOf(inIndia(from)) === dayOf(inIndia(to));
  return fill(words.span, { start: instant(from), end: isOneDay ? timeOfDay(inIndia(to)) : instant(to) });
}

/** Return a length of time in its largest whole unit. */
export function duration(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  if (rounded < 60) return counted("seconds", rounded);
  if (rounded < 3600) return counted("minutes", Math.round(rounded / 60));
  return rounded < 172_800 ? counted("hours", Math.round(rounded / 3600)) : counted("days", Math.round(rounded / 86_400));
}
