// The app of a gate: opens on the camera, shows verdicts, and takes the next scan at any moment.
import type { Direction, Found, GateApi, IdCheck, InsideList, Lock, NotEnrolled, PlateHit, Shown, Supervisor } from "../core/model.ts";
import { Idle } from "../core/lock.ts";
import { COUNT_WITHIN_MS, GateProblem } from "../core/model.ts";
import { showNothing } from "../core/shown.ts";
import { Camera } from "./camera.ts";
import { Decoder } from "./decoder.ts";
import { el } from "./dom.ts";
import { drawEnrolment, isEnrolmentCode } from "./enrolment.ts";
import { drawFrame, type Frame } from "./frame.ts";
import { drawHelp } from "./help.ts";
import { drawEvacuation, drawInside } from "./lists.ts";
import { AWAY_MS, drawLock } from "./lock.ts";
import { measure } from "./measure.ts";
import { askToSignOut, drawMenu } from "./menu.ts";
import { listenToNews } from "./news.ts";
import { beTheOnlyOne } from "./only.ts";
import { clock, openGate } from "./open.ts";
import { asksForCard, asksHowMany, isStrayExit, letsPass, toneOf } from "./outcome.ts";
import { allowSound, signal } from "./sound.ts";
import { addresses, currentLanguage, instant, lockMs, problemText, t, useLanguage } from "./texts.ts";
import { drawChoice, drawNotCounted, drawVerdict, wordOf, type Answers } from "./verdict.ts";
import { keepKeys, listenToKeys } from "./wedge.ts";

const typedBefore = keepKeys();
/** So long after a question was replaced by another one, a tap is still meant for the first. */
const MEANT_FOR_LAST_MS = 400;
const AGES_EVERY_MS = 5000;
const CAMERA_AGAIN_MS = 3000;
/** So long after the question how many leave the guard hears it again. */
const ASKED_AGAIN_MS = 30_000;
/** So long a verdict that lets somebody pass stands: the next person must not walk in on it. */
const PASSES_MS = 6000;
/** So long any other verdict stands that asks nothing: the guard reads what to do. */
const REFUSES_MS = 30_000;
/** The fonts of names, each with a letter of it: a browser fetches only what it draws. */
const FONTS = { "e-Pass Gurmukhi": "ਗ", "e-Pass Devanagari": "ग" };
const NOT_KNOWN: InsideList = { entries: [], isKnown: false };

class App {
  readonly #gate: GateApi;
  readonly #frame: Frame;
  readonly #camera: Camera;
  #direction: Direction = "entry";
  #typed = "";
  #shown: Shown | null = null;
  #drawnAt = 0;
  #wasAsking = false;
  /** Scans and confirmations, one after the other. */
  #last: Promise<void> = Promise.resolve();
  #scans = 0;
  #asksFor: NotEnrolled | null = null;
  #wasSignedIn = false;
  /** Whether the list that was opened last is the one for an evacuation. */
  #keepsList = false;
  readonly #idle = new Idle(() => clock.passed(), lockMs, AWAY_MS);
  /** The screen that stands in place of everything, and for what. */
  #lockScreen: { of: Lock; element: HTMLElement } | null = null;
  /** The exit of which nobody had said how many leave when the app locked, without the names. */
  #unanswered: Shown | null = null;

  constructor(gate: GateApi) {
    this.#gate = gate;
    this.#frame = drawFrame({
      onNumber: (text) => this.#type(text),
      onDirection: (direction) => this.#turn(direction),
      onMenu: () => void this.#openMenu(),
      onHelp: () => drawHelp(gate),
      onGate: (code) => void gate.chooseGate(code),
      onCamera: () => void this.#startCamera(),
    });
    const decoder = new Decoder(addresses.decoder, addresses.wasm);
    this.#camera = new Camera(this.#frame.video, decoder, {
      onText: (text, frameAt) => this.#scan(text, frameAt),
      isPaused: () => this.#frame.isTaken(),
      onPause: (is) => this.#frame.pauseCamera(is),
      onDecoder: (works) => this.#frame.showCamera(works),
      onLost: () => this.#cameraLost(),
    });
    this.#frame.useCamera(this.#camera);
  }

  start(): void {
    document.body.replaceChildren(this.#frame.element);
    this.draw();
    listenToKeys(this.#frame.number, typedBefore(), (token) => this.#scan(token, performance.now()));
    for (const kind of ["pointerdown", "keydown"]) {
      document.addEventListener(kind, allowSound);
      document.addEventListener(kind, () => this.#idle.touch(), true);
    }
    document.addEventListener("visibilitychange", () => {
      this.#lockIfDue(); // before anything is seen again
      this.#idle.hide(document.hidden);
      if (document.hidden) this.#camera.stop();
      else void this.#startCamera();
    });
    this.#wasSignedIn = this.#gate.state().signedIn;
    this.#gate.subscribe(() => this.#clearNames());
    this.#gate.subscribe(() => this.#drawLock());
    this.#gate.subscribe(() => this.#askCode());
    this.#drawLock();
    this.#askCode();
    window.addEventListener("online", () => void this.#gate.refresh());
    this.#gate.subscribe(() => this.#frame.showState(this.#gate.state()));
    setInterval(() => {
      this.#frame.showState(this.#gate.state());
      this.#lockIfDue();
      this.#drawLock();
    }, AGES_EVERY_MS);
    listenToNews(this.#gate);
    void this.#startCamera();
    setTimeout(() => this.#warmUp());
    void askToKeep().then((isKept) => this.#frame.warnOfLoss(!isKept));
  }

  /** Draw verdicts of nobody, and load the fonts of names: the first visitor waits for neither. */
  #warmUp(): void {
    const footing = { offline: false, ageS: 0, trust: "green" as const };
    for (const outcome of ["admit", "exit", "expired"] as const) {
      const nothing = showNothing(outcome, "entry", new Date().toISOString(), footing);
      drawVerdict({ ...nothing, name: "", nameLatin: "", party: 1 }, "", this.#gate.state(), null, this.#answers());
    }
    void navigator.serviceWorker?.ready.then(() => {
      for (const [font, letter] of Object.entries(FONTS)) void document.fonts.load(`1em "${font}"`, letter);
    });
  }

  /** Draw everything in the language of now. */
  draw(): void {
    this.#frame.write(this.#direction);
    this.#frame.showState(this.#gate.state());
    if (this.#shown) this.#show(this.#shown);
    this.#asksFor = null;
    this.#askCode();
  }

  /** Ask for the code of the ADO Branch while the server takes nothing of this device. */
  #askCode(problem: string | null = null): void {
    const { notEnrolled } = this.#gate.state();
    if (notEnrolled === this.#asksFor && problem === null) return;
    if (notEnrolled !== null) {
      this.#shown = null;
      this.#frame.showVerdict(drawEnrolment(notEnrolled, problem, (code) => void this.#enrol(code)));
    } else this.#frame.clearVerdict(); // also where the round after the enrolment has failed
    this.#asksFor = notEnrolled;
  }

  /** Lock where the app was not touched for long, or was put away. In an evacuation nobody types a PIN: only if it was. */
  #lockIfDue(): void {
    const isInUse = this.#keepsList && this.#frame.isListOpen() && !this.#idle.isAway;
    if (!this.#idle.isDue || isInUse || this.#gate.state().lock === "locked") return;
    this.#idle.touch();
    void this.#gate.lock().catch(() => undefined); // the state is another one at once, and the screen with it
  }

  /** Draw what stands in place of everything while the app is locked, or no PIN was chosen yet. */
  #drawLock(isAgain = false): void {
    const { lock } = this.#gate.state();
    if (lock === (this.#lockScreen?.of ?? "open") && !isAgain) return;
    // A guard who is at work chooses a PIN after it.
    const isAtWork = this.#shown !== null || this.#scans > 0 || this.#frame.isTaken();
    if (lock === "choose" && isAtWork && this.#lockScreen === null) return;
    this.#lockScreen?.element.remove();
    this.#lockScreen = null;
    this.#frame.element.inert = this.#frame.element.hidden = lock !== "open";
    if (lock === "open") return this.#unlocked();
    if (this.#shown !== null && asksHowMany(this.#shown)) {
      const { name: _name, nameLatin: _latin, ...nobody } = this.#shown;
      this.#unanswered = { ...nobody, companions: [] };
    }
    const element = drawLock({
      gate: this.#gate,
      onLanguage: () => { this.draw(); this.#drawLock(true); },
      onSignOut: (forgetsPin) => void this.#signOut(false, forgetsPin),
      onEnd: (error) => this.#showTrouble(error),
    });
    this.#lockScreen = { of: lock, element };
    this.#clearScreen();
    this.#camera.stop();
    document.body.append(element);
    element.querySelector("input")?.focus();
  }

  #unlocked(): void {
    this.#idle.touch();
    void this.#startCamera();
    const unanswered = this.#unanswered;
    this.#unanswered = null;
    if (unanswered !== null && this.#gate.state().signedIn) this.#frame.showVerdict(drawNotCounted(unanswered));
  }

  /** Take the names off the screen when the session or the device has ended. */
  #clearNames(): void {
    const was = this.#wasSignedIn;
    this.#wasSignedIn = this.#gate.state().signedIn;
    if (!was || this.#wasSignedIn) return;
    // In an evacuation the list stays until somebody closes it; not on a device that was revoked.
    this.#clearScreen(this.#keepsList && this.#gate.state().notEnrolled === null);
  }

  #clearScreen(keepsList = false): void {
    this.#shown = null;
    if (!keepsList) this.#frame.closeList();
    this.#frame.clearVerdict();
    this.#frame.number.value = "";
    document.querySelector<HTMLDialogElement>("dialog[open]")?.close();
  }

  async #enrol(code: string): Promise<void> {
    this.#frame.busy(true);
    await this.#gate.enrol(code).catch((error: unknown) => this.#askCode(problemOf(error)));
    this.#frame.busy(false);
  }

  async #startCamera(): Promise<void> {
    if (this.#lockScreen !== null) return;
    const works = await this.#camera.start().then(() => true, () => false);
    this.#frame.showCamera(works);
    this.#frame.warnOfCamera(works && this.#camera.isOther);
    this.#frame.showState(this.#gate.state());
  }

  /** Say that the system has taken the camera away, and try again until it is back. */
  #cameraLost(): void {
    this.#frame.showCamera(false);
    setTimeout(() => {
      if (document.hidden || this.#camera.isOn) return;
      void this.#startCamera().then(() => {
        if (!this.#camera.isOn) this.#cameraLost();
      });
    }, CAMERA_AGAIN_MS);
  }

  #turn(direction: Direction): void {
    this.#direction = direction;
    this.#camera.forget();
    this.#frame.write(direction);
  }

  /** Scan: the last question goes on standing until the new verdict is there, but no verdict does. */
  #scan(text: string, frameAt: number): void {
    const direction = this.#direction;
    const { notEnrolled, signedIn } = this.#gate.state();
    if (this.#lockScreen !== null) return this.#lockScreen.element.querySelector("form")?.reset(); // no PIN is typed so
    this.#idle.touch();
    if (notEnrolled !== null && isEnrolmentCode(text)) return void this.#enrol(text);
    // A pass that is held up does not close the question for the code; an exit is never refused.
    if (notEnrolled !== null && !signedIn && direction === "entry") return;
    if (this.#frame.isAnswered()) this.#leave(this.#shown);
    this.#frame.closeList();
    document.querySelector<HTMLDialogElement>("dialog[open]")?.close();
    this.#scans += 1;
    this.#frame.busy(true);
    this.#last = this.#last.then(async () => {
      try {
        const shown = await this.#gate.scan(text, direction);
        this.#typed = text;
        this.#wasAsking = this.#shown !== null && (asksForCard(this.#shown) || asksHowMany(this.#shown));
        this.#show(shown);
        signal(toneOf(shown));
        measure("frame to verdict", frameAt);
        if (asksHowMany(shown)) this.#waitForCount(shown);
      } catch (error) {
        this.#showTrouble(error);
      } finally {
        this.#scans -= 1;
        this.#frame.busy(this.#scans > 0);
      }
    });
  }

  /** Take what the guard typed: a number, or a plate. Who leaves by a plate is chosen also where one pass names it. */
  #type(text: string): void {
    const hits = this.#gate.findByPlate(text);
    const [first] = hits;
    const sure = hits.length === 1 && this.#direction === "entry" ? first?.number : null;
    if (first === undefined || sure) this.#scan(sure ?? text, performance.now());
    else this.#choose(hits);
  }

  /** Ask whose pass is meant by a vehicle; the names leave the screen as those of a verdict do. */
  #choose(hits: readonly PlateHit[]): void {
    this.#idle.touch();
    this.#frame.closeList();
    this.#shown = null;
    const choice = drawChoice(hits, this.#gate.state(), (number) => this.#scan(number, performance.now()));
    this.#frame.showVerdict(choice);
    setTimeout(() => {
      if (choice.isConnected) this.#leave(null);
    }, REFUSES_MS);
  }

  /** Record the entry of those whose ID was checked. A tap for a question that is gone counts for nothing. */
  #admit(check: IdCheck, count: number | undefined, supervisor?: Supervisor): void {
    if (this.#shown !== null && this.#scans === 0 && count === 0) return this.#show(this.#shown, t("nobody_ticked"));
    this.#answer(() => this.#gate.admit(check, count, supervisor));
  }

  /** Do what the guard has answered to the question that stands. */
  #answer(act: () => Promise<Shown>): void {
    const asked = this.#shown;
    if (asked === null || this.#scans > 0) return;
    if (this.#wasAsking && performance.now() - this.#drawnAt < MEANT_FOR_LAST_MS) return;
    this.#scans += 1;
    this.#frame.busy(true);
    this.#last = this.#last.then(async () => {
      try {
        const shown = await act();
        this.#wasAsking = false;
        this.#show(shown);
        signal(toneOf(shown));
      } catch (error) {
        // Somebody else may have looked at a card of this pass: then the question for the supervisor is drawn.
        const isMissing = error instanceof GateProblem && error.code === "supervisor_missing";
        this.#show(isMissing ? { ...asked, callSupervisor: true } : asked, problemOf(error));
        signal("amber");
      } finally {
        this.#scans -= 1;
        this.#frame.busy(this.#scans > 0);
      }
    });
  }

  #show(shown: Shown, problem: string | null = null): void {
    if (this.#lockScreen !== null) return; // it came when the guard was gone
    this.#drawnAt = performance.now();
    this.#shown = shown;
    this.#frame.showVerdict(drawVerdict(shown, this.#typed, this.#gate.state(), problem, this.#answers()));
    setTimeout(() => {
      if (this.#shown === shown && (this.#frame.isAnswered() || isStrayExit(shown))) this.#leave(shown);
    }, letsPass(shown) ? PASSES_MS : REFUSES_MS);
  }

  /** Take a verdict and its name off the screen; the word and the time stay, small and grey. */
  #leave(shown: Shown | null): void {
    this.#shown = null;
    this.#frame.clearVerdict(shown && `${instant(shown.at)} · ${wordOf(shown)}`);
    this.#asksFor = null;
    if (this.#gate.state().notEnrolled !== null) this.#askCode();
  }

  /** Ask once more how many leave, and then forget the exit: nobody who is inside is counted out by a silence. */
  #waitForCount(shown: Shown): void {
    const isOpen = (): boolean => this.#shown === shown && this.#scans === 0;
    setTimeout(() => {
      if (isOpen()) signal("ask");
    }, ASKED_AGAIN_MS);
    setTimeout(() => {
      this.#last = this.#last.then(async () => {
        // The question may have left the screen, such as for a number with a mistake: it still waits.
        const isForgotten = await this.#gate.forgetLeaving(shown).catch(() => false);
        if (!isForgotten || !this.#gate.state().signedIn) return;
        this.#shown = null;
        this.#frame.showVerdict(drawNotCounted(shown));
        signal("amber");
      });
    }, COUNT_WITHIN_MS);
  }

  #answers(): Answers {
    return {
      admit: (check, count, supervisor) => this.#admit(check, count, supervisor),
      override: (supervisor) => this.#answer(() => this.#gate.override(supervisor)),
      leave: (count) => this.#answer(() => this.#gate.leave(count)),
      comingIn: () => {
        this.#turn("entry");
        this.#scan(this.#typed, performance.now());
      },
    };
  }

  #showTrouble(error: unknown): void {
    if (this.#lockScreen !== null) return;
    this.#shown = null;
    this.#frame.showVerdict(el("article", { class: "verdict verdict--amber" },
      el("h1", {}, t("call_supervisor")), el("p", { class: "verdict__why" }, problemOf(error))));
    signal("amber");
  }

  async #openMenu(): Promise<void> {
    await drawMenu({
      gate: this.#gate,
      camera: this.#camera,
      onInside: () => void this.#openList(drawInside),
      onEvacuation: () => void this.#openEvacuation(),
      onLanguage: (language) => {
        useLanguage(language);
        this.draw();
      },
      onCamera: (deviceId) => {
        this.#camera.choose(deviceId);
        void this.#startCamera();
      },
      onSignOut: () => void this.#signOut(),
    });
  }

  async #openList(draw: typeof drawInside): Promise<void> {
    const { signedIn } = this.#gate.state();
    let list: InsideList = await this.#gate.inside().catch(() => NOT_KNOWN);
    if (signedIn && !this.#gate.state().signedIn) list = NOT_KNOWN; // ended meanwhile
    this.#keepsList = false;
    if (this.#lockScreen !== null) return; // it came when the guard was gone
    this.#frame.openList(draw(list, this.#gate.state(), Date.now()));
  }

  /** Open the list for an evacuation, with those ticked who were found before. */
  async #openEvacuation(): Promise<void> {
    const found = await this.#gate.found().catch(() => []);
    const note = (ticks: Found[]): void => void this.#gate.noteFound(ticks).catch(() => undefined);
    await this.#openList((list, state, now) => drawEvacuation(list, state, now, { found, note }));
    this.#keepsList = true;
  }

  /** Forget what this device holds, and end the session as the pages do. */
  async #signOut(isSure = false, forgetsPin = false): Promise<void> {
    try {
      await this.#gate.signOut(isSure, forgetsPin);
    } catch (error) {
      if (error instanceof GateProblem && error.code === "sign_out_offline") return askToSignOut(() => void this.#signOut(true, forgetsPin));
      return this.#showTrouble(error);
    }
    if (this.#gate.state().leaving) return; // the form would show an error of the browser
    const form = el("form", { method: "post", action: `/${currentLanguage()}/staff/sign-out`, hidden: true });
    document.body.append(form);
    form.submit();
  }
}

/** Ask the browser to delete nothing that is stored. Returns whether it promises that. */
async function askToKeep(): Promise<boolean> {
  return (await navigator.storage?.persist?.().catch(() => false)) ?? false;
}

function problemOf(error: unknown): string {
  return (error instanceof GateProblem && problemText(error.code)) || t("trouble");
}

/** Say that the app is open in another tab, and wait: two of them would each let the same pass in. */
function showOther(): void {
  document.body.replaceChildren(el("main", { class: "gate-plain" }, el("h1", {}, t("title")), el("p", {}, t("other_tab"))));
}

async function begin(): Promise<void> {
  useLanguage(currentLanguage());
  void navigator.serviceWorker?.register(addresses.worker, { scope: "/gate" }).catch(() => undefined);
  try {
    await beTheOnlyOne(showOther);
    new App(await openGate(showOther)).start();
  } catch {
    document.body.replaceChildren(el("main", { class: "gate-plain" }, el("h1", {}, t("title")), el("p", {}, t("failed")),
      el("p", {}, el("a", { href: `/${currentLanguage()}/gate` }, t("plain_page")))));
  }
}

void begin();
