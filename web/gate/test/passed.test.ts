// The time that has passed: nobody sets it, and sleep that a device did not count is added.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { timePassed } from "../app/passed.ts";

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
  const passed = timePassed();
  assert.equal(passed(), 500);
  wall += 3_600_000; // somebody sets the clock
  assert.equal(passed(), 500);
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
