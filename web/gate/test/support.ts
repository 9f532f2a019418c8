// What tests share: the files that the server and the app both keep to.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const SAMPLES = join(import.meta.dirname, "..", "..", "..", "contracts", "samples");

/** Return a shared file of contracts/samples. */
export function sample<T>(name: string): T {
  return JSON.parse(readFileSync(join(SAMPLES, name), "utf8")) as T;
}
