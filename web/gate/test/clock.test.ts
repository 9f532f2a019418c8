// Both clocks: nobody sets the time that passes, sleep that was not counted is added, and who reads the other.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { mock, test } from "node:test";
import { deviceClock } from "../app/clock.ts";

const WEB = join(import.meta.dirname, "..", "..");
/** How often a file reads the time of day, and why. Whatever waits or measures takes the time that passes. */
const READS_TIME_OF_DAY: Record<string, [times: number, reason: string]> = {
  "gate/app/clock.ts": [3, "owns both clocks; what passes while a hidden page sleeps is seen by this one alone"],
  "gate/app/lists.ts": [1, "an instant that is shown: when somebody was found"],
  "gate/app/main.ts": [2, "instants that are shown: of a verdict of nobody, and of a list that is printed"],
  "gate/app/texts.ts": [1, "which day is today, to leave out its date"],
  "scripts/pass.js": [1, "an instant: whether a pass that is shown has ended"],
  "scripts/scan-field.js": [2, "outlives its page, and the time that passes begins anew with each"],
};

test("every use of the time of day is named here with its reason", () => {
  const found = ["gate/app", "gate/core", "scripts"].flatMap((folder) =>
    readdirSync(join(WEB, folder)).map((name) => {
      const code = readFileSync(join(WEB, folder, name), "utf8");
      return [`${folder}/${name}`, code.match(/\bDate\.now\b|\bnew Date\(\)|[^.\w]Date\(\)/g)?.length ?? 0] as const;
    }),
  );
  const named = Object.entries(READS_TIME_OF_DAY).map(([file, [times]]) => [file, times] as const);
  assert.deepEqual(Object.fromEntries(found.filter(([, times]) => times > 0)), Object.fromEntries(named));
});

test("the clock on the wall does not change the time that has passed, but for sleep that was not counted", () => {
  const page = Object.assign(new EventTarget(), { hidden: false });
  Object.assign(globalThis, { document: page });
  let [wall, counted] = [1_000_000, 500];
  mock.method(Date, "now", () => wall);
  mock.method(performance, "now", () => counted);
  const hide = (hidden: boolean): void => {
    page.hidden = hidden;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  const { now, passed } = deviceClock();
  assert.deepEqual([now(), passed()], [wall, 500]);
  wall += 3_600_000; // somebody sets the clock
  assert.deepEqual([now(), passed()], [wall, 500]);
  hide(true);
  wall += 60_000;
  counted += 10_000; // the device slept for fifty seconds of the minute
  hide(false);
  assert.equal(passed(), 500 + 60_000);
  hide(true);
  wall -= 3_600_000; // set back while it was hidden: nothing looks younger
  counted += 1_000;
  hide(false);
  assert.equal(passed(), 500 + 60_000 + 1_000);
  mock.restoreAll();
});
