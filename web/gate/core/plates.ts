// Which spellings are of the same vehicle, read as contracts/plates.py does.
import { asciiDigits } from "./identity.ts";

const SEPARATORS = /[^\p{L}\p{N}]+/gu;
const PLATE =
  /^(?:[A-Z]{2}\d{1,2}[A-Z]{0,3}\d{1,4}|\d{2}BH\d{4}[A-Z]{1,2}|[A-Z]{3}\d{1,4}|\d{1,3}(?:CD|CC|UN)\d{1,4}|\d{2}[A-Z]\d{5,6}[A-Z]?)$/;
const END = /^\d{4}$/;

/** Return whether somebody may look for a vehicle by a text: a registration number, or its last four digits. */
export function isPlate(text: string): boolean {
  const typed = plain(text);
  return END.test(typed) || PLATE.test(typed) || PLATE.test(readAsDigits(typed));
}

/** Return whether a text for which `isPlate` holds is a spelling of a registration number, or its end. */
export function namesPlate(text: string, plate: string): boolean {
  const wanted = plain(text);
  const key = keyOf(plate);
  if (!END.test(wanted)) return keyOf(wanted) === key;
  const end = /(\d+)\D*$/.exec(key)?.[1];
  return end !== undefined && end.padStart(4, "0").slice(-4) === wanted;
}

function plain(text: string): string {
  return asciiDigits(text).replace(SEPARATORS, "").toUpperCase();
}

/** Return a text with the letters that no series has, since they are taken for digits, as digits. */
function readAsDigits(text: string): string {
  return text.replaceAll("O", "0").replaceAll("I", "1");
}

function keyOf(text: string): string {
  return readAsDigits(plain(text)).replace(/(?<!\d)0+(?=\d)/g, "");
}
