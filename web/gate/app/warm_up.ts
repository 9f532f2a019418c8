// A code that the decoder reads at its start: the browser compiles what it has run, and not before.

/** A QR code with the text "e-Pass", of version 7: of each row its 45 modules as twelve hexadecimal digits. */
const MODULES =
  "1fd4a007797f104807de2a411744517a9a5d17597185d35d174d61fc875d1040e91498411fd55555557f00005f1a8900" +
  "05d2a3fcd789083cde5b8a840164b4e2d7d11729a6db66a405e7a9f721e509325ec2753211683ad464ae15b66017898b" +
  "0dd6e274dfd201b0a95e8a841878bdeadfd10e3d9ed3666411f085f721f5031b471a771b1d5cfd5c655f0d11e1128b1b" +
  "11fc5bf95fff00312505c8d41c5d5c4e5c810dbb0da1e6941772c797204505b684a9b60a10effead255e0a32afdacb2b" +
  "11fc980e9f9e17214e1b09d4017314c3de8d0f313272e6901372e3f221fd0012bf1fb51a1fcbe75b255e105e871a4b1b" +
  "1759affe1dfe174a45cfca861753af13de911045aed167061fc07ecbe297";
const SIDE = 45;
const DIGITS = 12;
/** Pixels of a module, and modules of the white around the code. */
const SCALE = 8;
const AROUND = 4;

/** Return the picture of the code. */
export function drawCode(): ImageData {
  const side = (SIDE + 2 * AROUND) * SCALE;
  const picture = new ImageData(side, side);
  picture.data.fill(255);
  for (let y = 0; y < SIDE; y += 1) {
    for (let x = 0; x < SIDE; x += 1) {
      if (isBlack(x, y)) blacken(picture, (x + AROUND) * SCALE, (y + AROUND) * SCALE);
    }
  }
  return picture;
}

function isBlack(x: number, y: number): boolean {
  const bit = x + 4 * DIGITS - SIDE; // a row begins with bits that are no module
  const digit = MODULES.charAt(y * DIGITS + Math.floor(bit / 4));
  return ((parseInt(digit, 16) >> (3 - (bit % 4))) & 1) === 1;
}

function blacken(picture: ImageData, left: number, top: number): void {
  for (let y = top; y < top + SCALE; y += 1) {
    for (let x = left; x < left + SCALE; x += 1) {
      const at = 4 * (y * picture.width + x);
      picture.data.fill(0, at, at + 3);
    }
  }
}
