// Finds the proof of work that a page asks for (contracts/proof_of_work.py), and sends its form with it.
// Between two pieces of work the page is alive. SHA-256 is our own: that of the browser makes each hash wait.
const PIECE_MS = 30;
const ROUNDS = new Int32Array(64);
const START = new Int32Array(8);
for (let n = 2, found = 0; found < 64; n += 1) {
  let isPrime = true;
  for (let by = 2; by * by <= n; by += 1) isPrime = isPrime && n % by !== 0;
  if (isPrime) {
    const part = (root) => ((root % 1) * 2 ** 32) | 0;
    if (found < 8) START[found] = part(Math.sqrt(n));
    ROUNDS[found] = part(Math.cbrt(n));
    found += 1;
  }
}
const words = new Int32Array(64);

/** Return the first 32 bits of SHA-256 of an ASCII text of 55 characters at most. */
function firstWord(text) {
  words.fill(0, 0, 16);
  for (let at = 0; at < text.length; at += 1) words[at >> 2] |= text.charCodeAt(at) << (24 - (at & 3) * 8);
  words[text.length >> 2] |= 0x80 << (24 - (text.length & 3) * 8);
  words[15] = text.length * 8;
  let [a, b, c, d, e, f, g, h] = START;
  for (let at = 0; at < 64; at += 1) {
    if (at > 15) {
      const x = words[at - 15];
      const y = words[at - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      words[at] = (words[at - 16] + s0 + words[at - 7] + s1) | 0;
    }
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + ROUNDS[at] + words[at]) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  return (START[0] + a) >>> 0;
}

async function work(form) {
  const { challenge, answers, bits } = form.dataset;
  const proof = [challenge];
  let pause = performance.now() + PIECE_MS;
  for (let i = 0; i < Number(answers); i += 1) {
    let n = 0;
    while (firstWord(`${challenge}:${i}:${n}`) >>> (32 - Number(bits)) !== 0) {
      n += 1;
      if (n % 256 === 0 && performance.now() > pause) {
        await new Promise((go) => setTimeout(go));
        pause = performance.now() + PIECE_MS;
      }
    }
    proof.push(n);
  }
  form.elements.work.value = proof.join(".");
  form.submit();
}

const form = document.querySelector("form[data-challenge]");
form.querySelector("[data-working]").hidden = false;
work(form);
