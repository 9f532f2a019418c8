// The names of the directory, by which the guard reads codes. They are no personal data.
import type { Api } from "./api.ts";
import type { DirectoryNames } from "./model.ts";
import type { Named, NamedOfficer, NamedSite } from "./wire.ts";

const LIMIT_MS = 10_000;
export const NO_NAMES: DirectoryNames = { sites: {}, gates: {}, departments: {}, officers: {} };

interface List<T> {
  items: T[];
}

/** Fetch the names of sites, gates and departments, and of the officers of some departments. */
export async function fetchNames(api: Api, departments: Iterable<string>): Promise<DirectoryNames> {
  const sites = await api.get<List<NamedSite>>("/api/v1/sites", LIMIT_MS);
  const all = await api.get<List<Named>>("/api/v1/departments?closed=true", LIMIT_MS);
  const officers: DirectoryNames["officers"] = {};
  for (const department of departments) {
    const path = `/api/v1/officers?department=${encodeURIComponent(department)}`;
    const found = await api.get<List<NamedOfficer>>(path, LIMIT_MS);
    for (const { code, ...rest } of found.items) officers[`${department}/${code}`] = rest;
  }
  const gates = Object.assign({}, ...sites.items.map((one) => one.gate_names ?? {}));
  return { sites: byCode(sites.items), gates, departments: byCode(all.items), officers };
}

function byCode(items: readonly Named[]): Record<string, Named["name"]> {
  return Object.fromEntries(items.map((one) => [one.code, one.name]));
}
