// One app on a device: a second tab waits until the first is closed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beTheOnlyOne } from "../app/only.ts";

type Grant = (lock: object | null) => unknown;

/** Locks of a browser with several tabs: `release` closes the tab that holds the lock. */
class Locks {
  #isHeld = false;
  readonly #waiting: Grant[] = [];

  request(_name: string, options: LockOptions, grant: Grant): Promise<unknown> {
    if (!this.#isHeld) {
      this.#isHeld = true;
      return Promise.resolve(grant({}));
    }
    if (options.ifAvailable) return Promise.resolve(grant(null));
    return new Promise(() => this.#waiting.push(grant));
  }

  release(): void {
    this.#waiting.shift()?.({});
  }
}

test("the first tab has the app, and the next one waits until it is closed", async () => {
  const locks = new Locks();
  const said: string[] = [];
  await beTheOnlyOne(() => said.push("first waits"), locks as unknown as LockManager);
  const second = beTheOnlyOne(() => said.push("second waits"), locks as unknown as LockManager).then(() => said.push("second"));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(said, ["second waits"]);
  locks.release();
  await second;
  assert.deepEqual(said, ["second waits", "second"]);
});

test("a browser without locks opens the app", async () => {
  await beTheOnlyOne(() => assert.fail("nobody waits"), undefined);
});

test("a lock that the browser refuses is an error, and nobody waits for ever", async () => {
  const broken = { request: () => Promise.reject(new Error("no locks here")) };
  await assert.rejects(beTheOnlyOne(() => {}, broken as unknown as LockManager), /no locks here/);
});
