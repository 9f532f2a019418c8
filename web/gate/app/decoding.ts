// Reads the QR code in a picture. A careful look takes longer and finds inverted ones, too.
import { readBarcodes, type ReaderOptions } from "zxing-wasm/reader";

const QUICK: ReaderOptions = {
  formats: ["QRCode"],
  maxNumberOfSymbols: 1,
  tryHarder: false,
  tryRotate: false,
  tryInvert: false,
};
const CAREFUL: ReaderOptions = { ...QUICK, tryHarder: true, tryRotate: true, tryInvert: true };

/** Return the text of the QR code; null where none is read. */
export async function readCode(picture: ImageData, careful: boolean): Promise<string | null> {
  const [found] = await readBarcodes(picture, careful ? CAREFUL : QUICK);
  return found?.isValid && found.text ? found.text : null;
}
