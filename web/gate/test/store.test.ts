// What somebody with the device's disk can read, and what is gone after the session.
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Store } from "../core/store.ts";
import { RIGHT } from "./scans.ts";
import type { Device } from "./server.ts";
import { NUMBER, openGate } from "./server.ts";


/** Return everything that the database holds: values as text, and its keys. */
async function contents(
  device: Device,
): Promise<{ text: string; keys: CryptoKey[]; rows: Record<string, number> }> {
  const db = await device.raw();
  let text = "";
  const keys: CryptoKey[] = [];
  const rows: Record<string, number> = {};
  for (const name of db.objectStoreNames) {
    const values = await new Promise<unknown[]>((resolve) => {
      const request = db.transaction(name).objectStore(name).getAll();
      request.onsuccess = () => resolve(request.result as unknown[]);
    });
    rows[name] = values.length;
    for (const value of values) {
      if (value instanceof CryptoKey) keys.push(value);
      else if (value instanceof Object && "data" in value)
        text += Buffer.from(value.data as ArrayBuffer).toString("latin1");
      else text += JSON.stringify(value);
    }
  }
  db.close();
  return { text, keys, rows };
}

test("nothing that is stored names a visitor in the clear, and no key can be exported", async () => {
  const { gate, device, server } = await openGate();
  server.down = true;
  await gate.scan(NUMBER, "entry");
  await gate.admit(RIGHT);
  const { text, keys, rows } = await contents(device);
  assert.deepEqual([rows.manifest, rows.moves, rows.queue], [3, 1, 1]);
  for (const secret of ["Gurpreet", "Harjit", NUMBER, "4821", "PCS-AB3D-5FGM"])
    assert.ok(!text.includes(secret), secret);
  assert.equal(keys.length, 3); // the device's half, visitors, queue
  for (const key of keys) {
    assert.equal(key.extractable, false);
    await assert.rejects(crypto.subtle.exportKey("raw", key));
  }
});

for (const [how, end] of Object.entries({
  "signs out": async ({ gate }: Awaited<ReturnType<typeof openGate>>) => gate.signOut(),
  "is signed out by the server": async ({ gate, server }: Awaited<ReturnType<typeof openGate>>) => {
    server.signedIn = false;
    await gate.refresh();
  },
  "is followed by other staff in the same browser": async ({
    gate,
    server,
  }: Awaited<ReturnType<typeof openGate>>) => {
    server.status = 403;
    await gate.refresh();
  },
  "is at the end of the session, offline": async ({ gate, server }: Awaited<ReturnType<typeof openGate>>) => {
    server.down = true;
    server.now = server.until;
    await assert.rejects(gate.scan(NUMBER, "entry"));
  },
})) {
  test(`when a guard ${how}, manifest and key are deleted`, async () => {
    const opened = await openGate();
    await end(opened);
    const { keys, rows } = await contents(opened.device);
    assert.deepEqual([keys.length, rows.manifest, rows.moves], [1, 0, 0], "this device's half alone");
    assert.deepEqual([opened.gate.state().signedIn, opened.gate.state().passes], [false, 0]);
  });
}

for (const [what, path] of Object.entries({
  "a manifest": "/api/v1/gate/manifest",
  "a list of revoked passes": "/.well-known/pass-status",
  "a session": "/api/v1/gate/session",
})) {
  test(`${what} that comes after the guard has signed out is not stored`, async () => {
    const { gate, device, server } = await openGate();
    await gate.chooseGate("PCS1-G1");
    server.now += 10_000; // a newer list may be signed
    server.before = async (asked) => {
      if (asked !== path) return;
      server.before = () => {};
      server.status = 401; // of a scan: this session has ended
      await gate.scan(NUMBER, "exit");
      server.status = null;
    };
    await gate.refresh();
    const { keys, rows } = await contents(device);
    assert.deepEqual([gate.state().signedIn, gate.state().passes], [false, 0]);
    assert.deepEqual([keys.length, rows.manifest, rows.queue], [2, 0, 1], "this device's half and the key of the queue");
  });
}

test("a newer version of the app gets the storage at once, and this one is told", async () => {
  const { device } = await openGate();
  device.kill();
  const told: string[] = [];
  await Store.open(crypto, device.name, { wanted: () => told.push("wanted") });
  await (await otherVersion(device.name, 99)).close();
  assert.deepEqual(told, ["wanted"]);
});

test("a key that a sign-out deletes while a scan is sealed is stored with it again", async () => {
  const { gate, device, server } = await openGate();
  server.down = true;
  const other = await Store.open(crypto, device.name);
  const { subtle } = crypto;
  const encrypt = subtle.encrypt.bind(subtle);
  mock.method(subtle, "encrypt", async (...how: Parameters<typeof encrypt>) => {
    const sealed = await encrypt(...how);
    await other.forgetVisitors(); // of another tab
    return sealed;
  });
  await gate.scan(NUMBER, "exit");
  mock.restoreAll();
  const [waiting] = await other.oldestScans();
  assert.equal(waiting?.scan?.pass_number, NUMBER);
});

test("an exit after the session has ended is kept, and makes no new key for visitors", async () => {
  const { gate, device, server } = await openGate();
  server.down = true;
  server.now = server.until;
  assert.equal((await gate.scan(NUMBER, "exit")).recorded, true);
  const { keys, rows } = await contents(device);
  assert.deepEqual([keys.length, rows.queue, rows.moves], [2, 1, 0]);
});

test("an app that is opened after the end of the session deletes the manifest first", async () => {
  const { device, server } = await openGate();
  device.kill();
  server.down = true;
  server.now = server.until;
  const gate = await device.open();
  const { keys, rows } = await contents(device);
  assert.deepEqual([gate.state().passes, keys.length, rows.manifest], [0, 1, 0], "this device's half alone");
});

test("a manifest whose key is gone cannot be opened, and the gate starts without it", async () => {
  const { device, server } = await openGate();
  device.kill();
  const db = await device.raw();
  await new Promise<void>((resolve) => {
    const change = db.transaction("keys", "readwrite");
    change.objectStore("keys").clear();
    change.oncomplete = () => resolve();
  });
  db.close();
  server.down = true;
  const gate = await device.open();
  assert.equal(gate.state().passes, 0);
});

test("a killed app starts offline with its manifest, its list of revoked passes and its clock", async () => {
  const { device, server } = await openGate();
  device.kill();
  server.down = true;
  const gate = await device.open();
  assert.deepEqual([gate.state().signedIn, gate.state().passes, gate.state().listAgeS], [true, 1, 0]);
  assert.equal((await gate.scan(NUMBER, "entry")).outcome, "admit");
});

/** Open the storage as another version of the app does. */
function otherVersion(name: string, version: number): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
