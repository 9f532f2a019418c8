// What the guard types: pass numbers, ID numbers and reasons, read as contracts/{crockford,identity}.py do.
import { GateProblem } from "./model.ts";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 8;
/** Whatever is longer than this was typed by a scanner. */
const LONGEST_NUMBER = 20;
/** The longest token that the gateway takes. */
const LONGEST_TOKEN = 2_000;
const READ_AS: Record<string, string> = {
  I: "1",
  L: "1",
  O: "0",
  "-": "",
  " ": "",
  "\u2013": "",
  "\u00a0": "",
};
/** A token, wherever a scanner typed it: in front of it may stand what somebody had begun to type. */
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;
/** White space as Python's `str.strip` knows it. */
const BLANKS = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const AROUND = new RegExp(`^${BLANKS}|${BLANKS}$`, "gu");
const SEPARATORS = /[\s\-\u2010-\u2015./_]+/gu;
/** Digits with what may divide them; contracts/identity.py explains each of these. */
const RUN = /[0-9](?:(?:[^\p{L}\p{N}]{0,3}|[\s\-\u2010-\u2015.]{4,})[0-9]){11,}/gu;
const DAY = "(?:0?[1-9]|[12][0-9]|3[01])";
const MONTH = "(?:0?[1-9]|1[0-2])";
const YEAR = "(?:19|20)[0-9]{2}";
const OTHER = new RegExp(
  `(?<![0-9])(?:${YEAR}([-/.])${MONTH}\\1${DAY}|${DAY}([-/.])${MONTH}\\2${YEAR})(?![0-9])` +
    "|\\+91[ \\-]?[6-9][0-9]{4}[ \\-]?[0-9]{5}(?![0-9])",
  "gu",
);
const SKIPPED = /[\p{Cf}\p{Lm}\p{Mn}\p{Me}\u115f\u1160\u3164\uffa0]/u;
const TWELVE = 12;
const MOST = 16;

/** What was scanned or typed. */
export type Scanned = { token: string } | { number: string };

/** Return the token or the pass number in a text, or null where it cannot be a whole one. */
export function readScanned(text: string): Scanned | null {
  const compact = text.replace(/\s+/gu, "");
  const token = TOKEN.exec(compact)?.[0] ?? (compact.length > LONGEST_NUMBER ? compact : null);
  if (token !== null) return token.length <= LONGEST_TOKEN ? { token } : null;
  const number = parsePassNumber(text.replace(/[^\p{L}\p{N}]/gu, ""));
  return number === null ? null : { number };
}

/** Return the canonical form of a pass number, or null where it is none or its check character is wrong. */
export function parsePassNumber(text: string): string | null {
  const stripped = text.replace(AROUND, "").toUpperCase();
  const code = Array.from(stripped, (letter) => READ_AS[letter] ?? letter).join("");
  return code.length === LENGTH && checks(code) ? code : null;
}

/** Return whether the last character fits the others: Luhn modulo 32. */
function checks(code: string): boolean {
  let sum = 0;
  for (const [at, letter] of Array.from(code).reverse().entries()) {
    const value = ALPHABET.indexOf(letter);
    if (value < 0) return false;
    const doubled = at % 2 === 0 ? value : value * 2;
    sum += Math.floor(doubled / ALPHABET.length) + (doubled % ALPHABET.length);
  }
  return sum % ALPHABET.length === 0;
}

/** Return the same text with the digits of any script as 0 to 9. */
export function asciiDigits(text: string): string {
  return text.replace(/\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0) ?? 0;
    let zero = code; // the digits of a script follow one another
    while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
    return String(code - zero);
  });
}

/**
 * Return the last four characters of an ID: letters in capitals, digits of any script as 0 to 9.
 *
 * Throws {@link GateProblem}: `full_number` where more than four were typed, else `not_four`.
 */
export function lastFour(text: string): string {
  const compact = asciiDigits(text).replace(SEPARATORS, "").toUpperCase();
  if (Array.from(compact).length > 4) throw new GateProblem("full_number");
  if (!/^[0-9A-Z]{4}$/.test(compact)) throw new GateProblem("not_four");
  return compact;
}

/** Return a text with every valid Aadhaar number masked, so that this device never stores one. */
export function maskAadhaar(text: string): string {
  let plain = "";
  const seen: number[] = []; // where in the text each sign of `plain` stands
  let at = 0;
  for (const sign of text) {
    if (!SKIPPED.test(sign)) {
      const shown = asciiDigits(sign);
      plain += shown;
      for (let unit = 0; unit < shown.length; unit += 1) seen.push(at);
    }
    at += sign.length;
  }
  plain = plain.replace(OTHER, (found) => "x".repeat(found.length));
  let masked = "";
  let position = 0;
  for (const run of plain.matchAll(RUN)) {
    for (const [first, last, lastFourDigits] of numbersIn(run[0])) {
      masked += `${text.slice(position, seen[run.index + first])}XXXX XXXX ${lastFourDigits}`;
      const end = seen[run.index + last] ?? 0;
      position = end + String.fromCodePoint(text.codePointAt(end) ?? 0).length;
    }
  }
  return masked + text.slice(position);
}

/** Yield where in a run of digits Aadhaar numbers begin and end, and their last four digits. */
function* numbersIn(run: string): Generator<[number, number, string]> {
  const places = Array.from(run.matchAll(/[0-9]/g), (found) => found.index);
  const digits = run.replace(/[^0-9]/g, "");
  const place = (nth: number): number => places[nth] ?? 0;
  const starts = [0];
  const dividers = new Set<string>();
  for (let nth = 1; nth < places.length; nth += 1) {
    if (place(nth) === place(nth - 1) + 1) continue;
    starts.push(nth);
    dividers.add(run.slice(place(nth - 1) + 1, place(nth)));
  }
  starts.push(places.length);
  let done = 0;
  for (const [at, start] of starts.slice(0, -1).entries()) {
    for (const end of starts.slice(at + 1, at + 1 + MOST)) {
      const length = end - start;
      const isOne = end === starts[at + 1] || (dividers.size <= 1 && length === digits.length);
      if (start < done || length < TWELVE || length > MOST || !(isOne || length === TWELVE)) continue;
      for (let from = start; from <= end - TWELVE; from += 1) {
        const number = digits.slice(from, from + TWELVE);
        if (!isAadhaar(number)) continue;
        yield [place(start), place(end - 1), number.slice(-4)];
        done = end;
        break;
      }
    }
  }
}

/** How the digits of each place are permuted (Verhoeff 1969). */
const PERMUTE = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** Multiply in the dihedral group of order ten. */
function multiply(left: number, right: number): number {
  if (left < 5) return right < 5 ? (left + right) % 5 : ((left + right) % 5) + 5;
  return right < 5 ? ((left - right + 5) % 5) + 5 : (left - right + 5) % 5;
}

/** Return whether digits are an Aadhaar number (UIDAI): from 2 on, the last checks, and no palindrome. */
function isAadhaar(digits: string): boolean {
  const backwards = Array.from(digits).reverse();
  if (!/^[2-9]\d{11}$/.test(digits) || backwards.join("") === digits) return false;
  let check = 0;
  for (const [at, digit] of backwards.map(Number).entries()) {
    let placed = digit;
    for (let times = 0; times < at % 8; times += 1) placed = PERMUTE[placed] ?? 0;
    check = multiply(check, placed);
  }
  return check === 0;
}
