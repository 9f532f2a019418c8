// What the gate keeps on the device.

export interface Store {
  close(): void;
}
