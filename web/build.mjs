// Builds the pages' assets and the gate's app: styles by sass, scripts and file names by esbuild, fonts cut
// down to the letters of each script.
// The output goes to services/gateway/static/built; names carry a digest of the content, and manifest.json
// maps them.
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { brotliCompress, constants } from "node:zlib";
import { promisify } from "node:util";
import { build } from "esbuild";
import { compile } from "sass";
import subsetFont from "subset-font";

const here = import.meta.dirname;
const work = join(here, "node_modules", ".epass");
const out = join(here, "..", "services", "gateway", "static", "built");

const range = (first, last) =>
  String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, at) => first + at));
const joiners = "\u200c\u200d\u25cc";
const SIGNS = "\u00a0\u00b7\u00d7\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u20b9\u2192\u2713\u2715";
// The letters of Hindi. Digits are those of English; other letters come from a font of the device.
const HINDI =
  range(0x0901, 0x0903) + range(0x0905, 0x090b) + "\u090d\u090f\u0910\u0911" + range(0x0913, 0x0928) +
  range(0x092a, 0x0930) + "\u0932" + range(0x0935, 0x0939) + range(0x093c, 0x0943) +
  "\u0945\u0947\u0948\u0949\u094b\u094c\u094d\u0970" + range(0x0958, 0x095f);
// How the letters of Hindi join and carry their signs. Forms of Marathi, Nepali and Sanskrit and stylistic
// alternatives are left out. Every pair of Hindi consonants with vowel signs looks the same without them.
const HINDI_FEATURES = [
  "nukt", "akhn", "rphf", "rkrf", "blwf", "half", "cjct", "pres", "abvs", "blws", "psts", "dist", "mark",
  "abvm", "blwm",
];
const DANDA = "\u0964\u0965";
const SCRIPTS = {
  latin: ["noto-sans", "latin", range(0x20, 0x7e) + SIGNS],
  gurmukhi: ["noto-sans-gurmukhi", "gurmukhi", range(0x0a01, 0x0a76) + DANDA + joiners],
  devanagari: ["noto-sans-devanagari", "devanagari", HINDI + DANDA + joiners, HINDI_FEATURES],
  // The language switch names each language in its own letters; one word must not cost a whole font.
  "gurmukhi-name": ["noto-sans-gurmukhi", "gurmukhi", "ਪੰਜਾਬੀ"],
  "devanagari-name": ["noto-sans-devanagari", "devanagari", "हिन्दी"],
};

async function fonts() {
  for (const [script, [family, subset, letters, keepFeatures]] of Object.entries(SCRIPTS)) {
    const name = `${family}-${subset}-wght-normal.woff2`;
    const file = join(here, "node_modules", "@fontsource-variable", family, "files", name);
    const variationAxes = { wght: { min: 400, max: 700 } };
    const options = { targetFormat: "woff2", variationAxes, ...(keepFeatures && { keepFeatures }) };
    await writeFile(join(work, `${script}.woff2`), await subsetFont(await readFile(file), letters, options));
  }
}

async function styles() {
  const options = { loadPaths: [join(here, "node_modules")], quietDeps: true };
  const sources = {
    epass: "styles/epass.scss",
    phone: "styles/phone.scss",
    kiosk: "styles/kiosk.scss",
    gate: "gate/app/style.scss",
  };
  for (const [name, source] of Object.entries(sources)) {
    const { css } = compile(join(here, source), options);
    await writeFile(join(work, `${name}.css`), css);
  }
}

// The gate's app and its decoder are large for a poor line: they lie there as compressed as they can be.
async function compress(names) {
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  for (const name of names) {
    const content = await promisify(brotliCompress)(await readFile(join(out, name)), { params });
    await writeFile(join(out, `${name}.br`), content);
  }
}

/** Bundle scripts and styles for browsers that know a version of the language; return the files. */
async function bundle(target, entryPoints) {
  const { metafile } = await build({
    entryPoints,
    outdir: out,
    bundle: true,
    minify: true,
    format: "esm",
    target,
    entryNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file", ".wasm": "copy" },
    legalComments: "linked",
    metafile: true,
    logLevel: "warning",
  });
  return Object.keys(metafile.outputs);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await mkdir(work, { recursive: true });
await Promise.all([fonts(), styles()]);
await copyFile(join(here, "node_modules/zxing-wasm/dist/reader/zxing_reader.wasm"), join(work, "decoder.wasm"));
const script = (name) => join(here, "scripts", `${name}.js`);
const app = (name) => join(here, "gate", "app", `${name}.ts`);
const built = await Promise.all([
  bundle("es2018", {
    epass: script("epass"),
    kiosk: script("kiosk"),
    staff: script("staff"),
    pass: script("pass"),
    erased: script("erased"),
    worker: script("worker"),
    docs: script("docs"),
    work: script("work"),
    "scan-field": script("scan-field"),
    style: join(work, "epass.css"),
    phone: join(work, "phone.css"),
    "kiosk-style": join(work, "kiosk.css"),
    "gate-style": join(work, "gate.css"),
  }),
  // The gate's app needs a browser that can check Ed25519 signatures: those know all of this, in fewer bytes.
  bundle("es2022", {
    gate: app("main"),
    "gate-worker": app("worker"),
    "gate-decoder": app("decode_worker"),
    decoder: join(work, "decoder.wasm"),
  }),
]);
const manifest = {};
for (const file of built.flat()) {
  const name = basename(file);
  manifest[name.replace(/-[A-Z0-9]{8}(?=\.[a-z0-9]+$)/, "")] = name;
}
await copyFile(join(here, "..", "THIRD_PARTY_NOTICES.md"), join(out, "third-party-notices.txt"));
await writeFile(join(out, "manifest.json"), JSON.stringify(manifest, null, 1));
await compress(["gate.js", "gate-style.css", "decoder.wasm"].map((name) => manifest[name]));
