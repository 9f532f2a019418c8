// Reads the QR code in a picture. Printed, dim, cracked and tilted ones take a second look.
import { readBarcodes, type ReaderOptions } from "zxing-wasm/reader";

const QUICK: ReaderOptions = {
  formats: ["QRCode"], maxNumberOfSymbols: 1, tryHarder: false, tryRotate: false, tryInvert: false,
  tryDownscale: true,
};
const CAREFUL: ReaderOptions[] = [
  { ...QUICK, tryHarder: true, tryRotate: true, tryInvert: true },
  { ...QUICK, tryHarder: true, binarizer: "GlobalHistogram" },
  { ...QUICK, tryHarder: true, tryDenoise: true },
];

/** Return the text of the QR code; null where none is read. */
export async function readCode(picture: ImageData, careful: boolean): Promise<string | null> {
  for (const options of careful ? CAREFUL : [QUICK]) {
    const [found] = await readBarcodes(picture, options);
    if (found?.isValid && found.text) return found.text;
  }
  return null;
}
