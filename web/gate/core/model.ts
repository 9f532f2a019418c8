// The words of the gate's app: what a scan asks, what the guard is shown, and what the gateway sends.
//
// Names of the wire are those of contracts/rpc/verify/ (`id_type`); names of the app are in camel case.
import type { ListProblem } from "./refusals.ts";

export const VERDICTS = [
  "admit",
  "exit",
  "already_inside",
  "already_used",
  "not_yet_valid",
  "day_closed",
  "expired",
  "wrong_site",
  "wrong_gate",
  "revoked",
  "unknown_pass",
  "bad_signature",
  "id_mismatch",
] as const;
export type Verdict = (typeof VERDICTS)[number];
/** A verdict, or that nothing could be read: nothing is recorded then, and the guard scans again. */
export type Outcome = Verdict | "unreadable";
export type Direction = "entry" | "exit";
export type IdType =
  "aadhaar" | "driving_licence" | "voter_id" | "passport" | "pan" | "government_id" | "other_photo_id";
export type Assistance = "wheelchair" | "guide" | "written";
export type Language = "pa" | "hi" | "en";
/**
 * How far a verdict may be relied on, by the age of the list of revoked passes that it rests on.
 *
 * `supervisor`: nobody goes in unless a supervisor agrees. `refused`: nobody goes in.
 */
export type Trust = "green" | "amber" | "supervisor" | "refused";

export interface Companion {
  name: string;
  nameLatin: string;
  idType: IdType | null;
  child: boolean;
}

/** What the guard is shown. Instants are in ISO 8601. */
export interface Shown {
  outcome: Outcome;
  /** Whether nothing was recorded because the ID was not checked yet. */
  preview: boolean;
  direction: Direction;
  /** When it was scanned. */
  at: string;
  pass?: string;
  reference?: string;
  name?: string;
  nameLatin?: string;
  idType?: IdType;
  /** Who has applied for a visitor under 18. */
  guardian?: string;
  companions: Companion[];
  party: number;
  inside: number;
  /** How many may come in now; only in a preview that admits. */
  mayEnter: number;
  /** All that stands against an entry, where a supervisor may set it aside; else empty. */
  overridable: Verdict[];
  /** Whether a supervisor has typed their PIN for this entry: it is not asked again. */
  agreed: boolean;
  validFrom?: string;
  validTo?: string;
  /** All days of a pass for several days, as dates in India; empty for a pass for one day. */
  days: string[];
  site?: string;
  /** The gate that the pass is for; missing where any gate of its site is right. */
  gate?: string;
  department?: string;
  officer?: string;
  room?: string;
  vehicle?: string;
  vehicleAllowed: boolean;
  assistance?: Assistance;
  callSupervisor: boolean;
  /** Whether that is only since a card did not match: a card whose last four do match needs nobody. */
  onlyUncompared?: boolean;
  /** Whether a card that did not match was shown at this gate before a refusal that can be set aside. */
  mismatched?: boolean;
  /** Whether a supervisor has to agree and none can: the PIN of each is void. */
  supervisorsVoid?: boolean;
  /** Whether no message has brought the pass to anybody, and its number was typed. */
  undelivered?: boolean;
  marks: string[];
  insideSince?: string;
  insideGate?: string;
  /** Whether the gate decided by itself. */
  offline: boolean;
  /** Age of the list of revoked passes in seconds; null where there is none. */
  ageS: number | null;
  trust: Trust;
  /** Whether this verdict is recorded: at the server, or durably on this device until it is sent. */
  recorded: boolean;
}

/** The ID that was shown at an entry. */
export type IdCheck =
  /** Type and last four characters were typed and are compared. */
  | { kind: "matched"; idType: IdType; last4: string }
  /** The ID of the type that the pass names; the guard compared name and photograph. */
  | { kind: "as_applied" }
  /** Another valid ID, whose name and face the guard accepts. */
  | { kind: "other_id"; idType: IdType; reason: string };

/** The supervisor who agreed to an entry, with the PIN that they typed. */
export interface Supervisor {
  login: string;
  pin: string;
  reason: string;
}

/** How sure it is that a party is inside: for the evacuation list. */
export type Certainty =
  /** Counted in at this gate. */
  | "here"
  /** Counted in at another gate; this gate is online. */
  | "elsewhere"
  /** Their time is over: they have probably left unseen. */
  | "overdue"
  /** They came in by another gate, and this gate or that one is offline: they may have left. */
  | "offline";

export interface InsideEntry {
  pass: string;
  name: string;
  nameLatin: string;
  inside: number;
  party: number;
  since: string | null;
  gate: string | null;
  department: string;
  /** The names of those who came with them, as far as this gate may know them. */
  companions: string[];
  validTo: string;
  certainty: Certainty;
}

/** Who is inside, as far as a gate knows. */
export interface InsideList {
  entries: InsideEntry[];
  /** Whether these are all: false without a session, before the first list, and where scans cannot be read. */
  isKnown: boolean;
}

/** A party that was found at an evacuation. It counts for that stay alone, and for so many of them. */
export interface Found {
  pass: string;
  since: string | null;
  inside: number;
  /** When it was ticked. */
  at: string;
}

/** Names of the directory in the guard's languages, by code. They are no personal data. */
export interface DirectoryNames {
  sites: Record<string, Record<Language, string>>;
  gates: Record<string, Record<Language, string>>;
  departments: Record<string, Record<Language, string>>;
  /** By `department/officer`. */
  officers: Record<
    string,
    { name: Record<Language, string>; designation: Record<Language, string>; room: string }
  >;
}

/** Whom the gate telephones; empty where the directory has no number. */
export interface Telephones {
  reception: string;
  security: string;
}

/** Whether the app shows anything of visitors, the guard's PIN opens it, or the guard has to choose one first. */
export type Lock = "open" | "locked" | "choose";

export interface GateState {
  lock: Lock;
  /** How many digits the guard's PIN has; 0 where there is none. */
  pinLength: number;
  /** How many tries are left after wrong ones; null where there were none. */
  triesLeft: number | null;
  /** Whether the names of visitors were deleted here, since the server did not answer for too long. */
  namesDeleted: boolean;
  /** Whether somebody is signed in; if not, the guard has to sign in, and only exits are taken. */
  signedIn: boolean;
  /** In how many seconds the session ends; null where nobody is signed in. */
  endsS: number | null;
  online: boolean;
  offlineSince: string | null;
  /** Why the server takes nothing of this device: it has to be enrolled for a gate, or for this one. */
  notEnrolled: NotEnrolled | null;
  /** Whether the guard has signed out without a network: the session ends when the network is back. */
  leaving: boolean;
  /** Scans of this device that the server does not have yet. */
  unsent: number;
  /** Scans of these that wait at the server's wish, and until when: too many numbers were unknown. */
  deferred: { count: number; until: string } | null;
  /** Scans that the server has refused for good, with the code of the problem; ops has to look at them. */
  refused: RefusedScan[];
  /** Age of the list of revoked passes in seconds; null where there is none. */
  listAgeS: number | null;
  /** Why the newest list was not taken; the gate goes on with the one that it has. */
  listProblem: ListProblem | null;
  trust: Trust;
  /** By how many seconds this device's clock is ahead of the server's; 0 within a minute of it. */
  clockOffS: number;
  site: string | null;
  gate: string | null;
  /** The gates of the site. */
  gates: string[];
  /** Whether the login belongs to none of them, and the guard chooses one. */
  choosesGate: boolean;
  login: string | null;
  passes: number;
  /** Whether a list is on its way, and the one that is held is missing or not new. */
  listComing: boolean;
  /** The logins of the supervisors who have a PIN, without whoever is signed in: nobody agrees to their own scan. */
  supervisors: string[];
  /** Whether the site asks for a supervisor, also where none of them can agree now. */
  demandsSupervisor: boolean;
  telephones: Telephones;
  /** For so many of a hundred passes a day the last four of the ID are asked for. */
  digits: number;
  /** The newest call for help of this gate; null where there is none. */
  help: HelpCall | null;
  directoryNames: DirectoryNames;
}

/** The code of the gateway's refusal. */
export const NOT_ENROLLED = ["device_missing", "device_revoked", "device_of_other_gate"] as const;
export type NotEnrolled = (typeof NOT_ENROLLED)[number];

/** A scan that the server has refused for good. Nothing of it is personal. */
export interface RefusedScan {
  nonce: string;
  problem: string;
  at: string;
  /** Whether the server has written it down among the incidents of the gates. */
  isKnown?: boolean;
}

/**
 * A problem that the guard can put right or has to know.
 *
 * Codes: `signed_out`, `no_list`, `sign_out_offline`, `too_many_attempts`, `count_over_party`, `count_over_remaining`, `full_number`,
 * `not_four`, `reason_missing`, `no_preview`, `id_type_not_chosen`, `no_gate`, `unknown_gate`,
 * `supervisor_missing`, `no_supervisor`, `own_scan`, `wrong_pin`, `pin_locked`, `help_offline`, `list_too_old`, `storage`,
 * `offline`, `only_trace`, `locked`, `pin_too_easy`, `pins_wrong`, and those of the gateway.
 */
export class GateProblem extends Error {
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.name = "GateProblem";
    this.code = code;
  }
}

/** People who passed a gate of the site, as the gateway tells the others (`/gate/news`). */
export interface Movement {
  nonce: string;
  pass: string;
  gate: string;
  verdict: "admit" | "exit";
  count: number;
  /** How many of the party were inside then. */
  inside: number;
  at: string;
  /** Which transaction has stored it. */
  timeline: number;
  transaction: number;
}

/** Why a gate calls for help: `HelpReason` in contracts/rpc/verify/incidents.py. */
export const HELP_REASONS = ["visitor", "danger", "device"] as const;
export type HelpReason = (typeof HELP_REASONS)[number];

/** A gate's call for help, as the gateway tells it. */
export interface HelpCall {
  id: string;
  gate: string;
  reason: HelpReason;
  called_at: string;
  answered_at: string | null;
  /** The login that comes; null while it still rings, and where nobody answers. */
  answered_by: string | null;
  /** When it ended to ring, and nobody had answered. */
  unanswered_at?: string | null;
}

/** So long the next pass means that all have left of whom nobody has said how many; after that nobody has. */
export const COUNT_WITHIN_MS = 60_000;

/** A pass that names a vehicle. Of one that is not open for entry now, only the department and the time are told. */
export type PlateHit =
  | { number: string; name: string; vehicle: string; party: number }
  | { number: null; department: string | null; validFrom: string; validTo: string };

/** What the screens call; {@link Gate} implements it. */
export interface GateApi {
  state(): GateState;
  /**
   * Decide what was scanned or typed. An entry is a preview; an exit is recorded at once.
   *
   * An exit is a preview where several are inside: `leave` says how many. The scan of another pass within
   * {@link COUNT_WITHIN_MS} means all of them, a later one nobody.
   */
  scan(text: string, direction: Direction): Promise<Shown>;
  /** Return which passes that this gate holds name the vehicle whose plate, or the end of it, was typed. */
  findByPlate(text: string): PlateHit[];
  /**
   * Record the entry of the party of the last preview, whose ID was checked.
   *
   * Rejects with {@link GateProblem}.
   */
  admit(check: IdCheck, count?: number, supervisor?: Supervisor): Promise<Shown>;
  /** Have a supervisor set aside what stands against the last preview. Rejects with {@link GateProblem}. */
  override(supervisor: Supervisor): Promise<Shown>;
  /** Record that some of the party of the last exit leave, or all. Rejects with {@link GateProblem}. */
  leave(count?: number): Promise<Shown>;
  /**
   * Forget an exit of which nobody has said how many leave: nothing is recorded, and all stay inside.
   *
   * Returns whether it still waited for that.
   */
  forgetLeaving(shown: Shown): Promise<boolean>;
  inside(): Promise<InsideList>;
  /** Return whose people were found at an evacuation. */
  found(): Promise<Found[]>;
  /** Note whose people were found; it outlives the app, and ends with the session. */
  noteFound(found: readonly Found[]): Promise<void>;
  /** Return the pass of a refused scan, to write it down; null where it cannot be opened. */
  passOfRefused(nonce: string): Promise<string | null>;
  /** Delete a refused scan of which somebody has taken note, who is signed in; the server has to know of it. */
  forgetRefused(nonce: string): Promise<void>;
  /** Take note of people who passed a gate of the site. A repeat, or a pass not held, changes nothing. */
  hear(movement: Movement): Promise<void>;
  /** Call the reception for help. Rejects with {@link GateProblem} where it cannot be called now. */
  callHelp(reason: HelpReason): Promise<void>;
  /** Take note of a call of a gate of the site, or of who answers it. */
  hearHelp(call: HelpCall): void;
  /** Fetch the list of revoked passes now: the gateway has a newer one. */
  hearStatus(): Promise<void>;
  /** Fetch the manifest now: movements may have been missed. */
  hearReload(): Promise<void>;
  chooseGate(gate: string): Promise<void>;
  /** Enrol this device with the one-time code of the ADO Branch. Rejects with {@link GateProblem}. */
  enrol(code: string): Promise<void>;
  /** Send what is unsent and fetch what is new, once; it never rejects. */
  refresh(): Promise<void>;
  /**
   * Forget what this device holds of visitors. What is unsent stays until the server has it.
   *
   * Without a network nobody can sign in again, so nobody goes in: unless the guard is sure it rejects with
   * {@link GateProblem} (`sign_out_offline`), and nothing has ended. With `forgetsPin` the guard chooses another
   * PIN after their next sign-in.
   */
  signOut(isSure?: boolean, forgetsPin?: boolean): Promise<void>;
  /** Take the guard's new PIN. Rejects with {@link GateProblem} where it is too easy. */
  choosePin(pin: string): Promise<void>;
  /**
   * Hold nothing of visitors until the guard's PIN is typed; scans that wait are sent. An exit of which nobody has
   * said how many leave is forgotten, and all stay inside. Without a PIN nothing changes.
   */
  lock(): Promise<void>;
  /** Open again. Rejects with {@link GateProblem}: `wrong_pin`, or `pins_wrong` where that was the last try. */
  unlock(pin: string): Promise<void>;
  /** Call the listener after each change of the state; the result ends that. */
  subscribe(listener: () => void): () => void;
  close(): void;
}

/** The clocks of this device. */
export interface Clock {
  /** The time of day in milliseconds since 1970, as somebody has set it. */
  now(): number;
  /** The milliseconds since some moment, whoever sets the clock: for whatever waits or measures. */
  passed(): number;
}
