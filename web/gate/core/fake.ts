// A gate without a server and without storage, on which screens are built and tested.
//
// It knows passes by number; the text that is scanned is the number, or `eyJ` and the number.
import type {
  Direction, Found, GateApi, GateState, HelpCall, HelpReason, IdCheck, InsideEntry, InsideList, Outcome, Shown, Supervisor,
} from "./model.ts";
import { GateProblem } from "./model.ts";

const DAY = "2026-12-01";
const BASE: Shown = {
  outcome: "admit",
  preview: true,
  direction: "entry",
  at: `${DAY}T04:31:00Z`,
  pass: "7K3M9QWX",
  reference: "PCS-7K3M-9QWX",
  name: "ਗੁਰਪ੍ਰੀਤ ਸਿੰਘ",
  nameLatin: "Gurpreet Singh",
  idType: "aadhaar",
  companions: [
    { name: "ਸਿਮਰਨ ਕੌਰ", nameLatin: "Simran Kaur", idType: "voter_id", child: false },
    { name: "Fateh", nameLatin: "Fateh", idType: null, child: true },
  ],
  party: 3,
  inside: 0,
  mayEnter: 3,
  validFrom: `${DAY}T04:00:00Z`,
  validTo: `${DAY}T07:00:00Z`,
  days: [],
  site: "PCS1",
  department: "home",
  officer: "home-1",
  room: "214",
  vehicleAllowed: false,
  callSupervisor: false,
  overridable: [],
  agreed: false,
  marks: [],
  offline: false,
  ageS: 4,
  trust: "green",
  recorded: false,
};
const NOBODY: Partial<Shown> = {
  name: undefined,
  nameLatin: undefined,
  idType: undefined,
  companions: [],
  department: undefined,
  officer: undefined,
  room: undefined,
  mayEnter: 0,
};

/** What each number shows; a number that is not here is of an unknown pass. */
export const FAKE_PASSES: Record<string, Partial<Shown>> = {
  "7K3M9QWX": {},
  ONE: { pass: "ONE", companions: [], party: 1, mayEnter: 1, nameLatin: "Asha Rani", name: "आशा रानी" },
  SUPERVISOR: { pass: "SUPERVISOR", callSupervisor: true, vehicle: "PB65 AB 1234", assistance: "wheelchair" },
  OFFLINE: { pass: "OFFLINE", offline: true, ageS: 1800, trust: "amber" },
  OLD: { pass: "OLD", offline: true, ageS: 20_000, trust: "supervisor" },
  TOOOLD: { pass: "TOOOLD", offline: true, ageS: 20_000, trust: "refused" },
  INSIDE: {
    ...NOBODY,
    outcome: "already_inside",
    overridable: ["already_inside"],
    inside: 3,
    insideSince: `${DAY}T04:10:00Z`,
    insideGate: "PCS1-G2",
  },
  USED: { ...NOBODY, outcome: "already_used", overridable: ["already_used"] },
  EARLY: { ...NOBODY, outcome: "not_yet_valid", overridable: ["not_yet_valid"] },
  CLOSED: { ...NOBODY, outcome: "day_closed", overridable: ["day_closed"], days: [DAY, "2026-12-03"] },
  LATE: { ...NOBODY, outcome: "expired", overridable: ["expired"] },
  OTHERSITE: { ...NOBODY, outcome: "wrong_site", site: "PCS2" },
  OTHERGATE: { ...NOBODY, outcome: "wrong_gate", overridable: ["wrong_gate"], gate: "PCS1-G2" },
  REVOKED: { ...NOBODY, outcome: "revoked" },
  FORGED: { ...NOBODY, outcome: "bad_signature", pass: undefined },
  TORN: { ...NOBODY, outcome: "unreadable", pass: undefined },
};

export class FakeGate implements GateApi {
  #state: GateState = {
    signedIn: true,
    endsS: 20_000,
    online: true,
    offlineSince: null,
    notEnrolled: null,
    leaving: false,
    unsent: 0,
    refused: [],
    deferred: null,
    listAgeS: 4,
    listProblem: null,
    trust: "green",
    clockOffS: 0,
    site: "PCS1",
    gate: "PCS1-G1",
    gates: ["PCS1-G1", "PCS1-G2"],
    choosesGate: false,
    login: "gate-1",
    passes: 12,
    supervisors: ["SEC-0009"],
    demandsSupervisor: true,
    help: null,
    telephones: { reception: "0172-5550101", security: "" },
    directoryNames: { sites: {}, gates: {}, departments: {}, officers: {} },
  };
  #preview: Shown | null = null;
  #listeners = new Set<() => void>();

  state(): GateState {
    return this.#state;
  }

  /** Change the state as a test wants it. */
  set(change: Partial<GateState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }

  async scan(text: string, direction: Direction): Promise<Shown> {
    const number = text.trim().replace(/^eyJ/, "").toUpperCase();
    const unknown: Partial<Shown> = {
      ...NOBODY,
      outcome: "unknown_pass" as Outcome,
      pass: undefined,
      party: 0,
    };
    const shown = { ...BASE, ...(FAKE_PASSES[number] ?? unknown), direction };
    if (direction === "exit" && shown.inside > 1 && shown.pass !== undefined) {
      const named = { ...BASE, pass: shown.pass, inside: shown.inside, mayEnter: 0 };
      this.#preview = { ...named, direction, outcome: "exit", preview: true };
      return this.#preview;
    }
    if (direction === "exit" && shown.pass !== undefined && shown.outcome !== "wrong_site") {
      this.#preview = null;
      return { ...shown, outcome: "exit", preview: false, recorded: true, inside: 0, mayEnter: 0 };
    }
    this.#preview = shown.outcome === "admit" || shown.overridable.length > 0 ? shown : null;
    return shown;
  }

  /** The last four of every ID are 1234. */
  async admit(check: IdCheck, count?: number): Promise<Shown> {
    if (this.#preview === null) throw new GateProblem("no_preview");
    const wanted = count ?? this.#preview.mayEnter;
    if (wanted > this.#preview.party) throw new GateProblem("count_over_party");
    if (wanted > this.#preview.mayEnter) throw new GateProblem("count_over_remaining");
    const wrong = check.kind === "matched" && check.last4 !== "1234";
    const shown: Shown = {
      ...this.#preview,
      preview: false,
      recorded: true,
      mayEnter: 0,
      outcome: wrong ? "id_mismatch" : "admit",
      inside: this.#preview.inside + (wrong ? 0 : wanted),
      marks: check.kind === "as_applied" ? ["id_seen"] : check.kind === "other_id" ? ["other_id"] : [],
    };
    if (!wrong) this.#preview = null;
    return shown;
  }

  async override(supervisor: Supervisor): Promise<Shown> {
    if (this.#preview === null) throw new GateProblem("no_preview");
    if (supervisor.pin !== "481516") throw new GateProblem("wrong_pin");
    const marks = this.#preview.overridable.map((one) => `despite_${one}`);
    this.#preview = { ...BASE, pass: this.#preview.pass, marks, agreed: true };
    return this.#preview;
  }

  async leave(count?: number): Promise<Shown> {
    if (this.#preview === null) throw new GateProblem("no_preview");
    const left = { ...this.#preview, preview: false, recorded: true };
    this.#preview = null;
    return { ...left, inside: Math.max(left.inside - (count ?? left.inside), 0) };
  }

  async inside(): Promise<InsideList> {
    const entry = (pass: string, nameLatin: string, certainty: InsideEntry["certainty"]): InsideEntry => ({
      pass,
      name: nameLatin,
      nameLatin,
      inside: 1,
      party: 1,
      since: `${DAY}T04:10:00Z`,
      gate: "PCS1-G1",
      department: "home",
      companions: [],
      validTo: `${DAY}T07:00:00Z`,
      certainty,
    });
    const entries = [entry("ONE", "Asha Rani", "here"), entry("TWO", "Ravi Kumar", "elsewhere")];
    return { entries, isKnown: true };
  }

  async found(): Promise<Found[]> {
    return [];
  }

  async noteFound(): Promise<void> {}

  async passOfRefused(): Promise<string | null> {
    return null;
  }

  async forgetRefused(nonce: string): Promise<void> {
    this.set({ refused: this.#state.refused.filter((one) => one.nonce !== nonce) });
  }

  async chooseGate(gate: string): Promise<void> {
    this.set({ gate });
  }

  async enrol(code: string): Promise<void> {
    if (code !== "GAT-0001-k7fm-w3pa-xq9t") throw new GateProblem("code_wrong");
    this.set({ notEnrolled: null });
  }

  async callHelp(reason: HelpReason): Promise<void> {
    if (!this.#state.online) throw new GateProblem("help_offline");
    const call = { id: "1", gate: "PCS1-G1", reason, called_at: new Date().toISOString() };
    this.set({ help: { ...call, answered_at: null, answered_by: null } });
  }

  hearHelp(help: HelpCall): void {
    this.set({ help });
  }

  async hear(): Promise<void> {}

  async hearStatus(): Promise<void> {}

  async hearReload(): Promise<void> {}

  async refresh(): Promise<void> {}

  async signOut(): Promise<void> {
    this.set({ signedIn: false, login: null });
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#listeners.clear();
  }
}
