// At a kiosk, shows a keyboard on the screen: digits for a number, letters of three scripts for the rest.
// A real keyboard works as usual.
const DIGITS = "1234567890";
// Indic letters stand in the order in which they are learnt. A letter with a nukta is two code points. No row
// has more than eleven keys, so that a finger finds each on a narrow screen.
const LAYOUTS = {
  pa: [
    DIGITS, "ਅਆਇਈਉਊਏਐਓਔ", "ਾਿੀੁੂੇੈੋੌੰਂ", "ੱ੍ਸਹਕਖਗਘਙ", "ਚਛਜਝਞਟਠਡਢਣ", "ਤਥਦਧਨਪਫਬਭਮ",
    [..."ਯਰਲਵੜ", "ਸ਼", "ਖ਼", "ਗ਼", "ਜ਼", "ਫ਼", "ਲ਼"],
  ],
  hi: [
    DIGITS, "अआइईउऊऋएऐओऔ", "ािीुूृेैोौं", "ँः़्कखगघङ", "चछजझञटठडढण", [..."तथदधनपफ", "फ़", ..."बभम"],
    [..."यरलवशषसह", "ड़", "ढ़", "ज़"],
  ],
  en: [DIGITS, "qwertyuiop", "asdfghjkl/", "zxcvbnm-@"],
};
const STOPS = ".,";
const NUMBER_ROWS = ["123", "456", "789"];
const NAMES = { pa: "ਪੰਜਾਬੀ", hi: "हिन्दी", en: "English" };
const NUMBERS = "input[inputmode=numeric], input[inputmode=tel]";
const LATIN = "#id_last4, #name_latin, #vehicle, #employee_no";
const ALL_CAPITALS = "#id_last4, #vehicle";
const AT_ONCE = "#mobile, #code, #name";
const TYPED = "main :is(input:not([type]), input[type=text], input[type=tel], textarea)";

const board = document.querySelector("#keyboard");
const numbers = new Set(document.querySelectorAll(NUMBERS));
let field = null;
let layout = "en";
let capitals = false;

// Writes at the cursor; without letters, deletes the selection or the character before the cursor.
function write(letters) {
  const { selectionStart, selectionEnd: to, value } = field;
  const deletes = !letters && selectionStart === to;
  const from = deletes ? selectionStart - ([...value.slice(0, to)].pop() || "").length : selectionStart;
  field.setRangeText(letters, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function key(label, press, { name, wide, pressed, lang } = {}) {
  const made = document.createElement("button");
  made.type = "button";
  made.tabIndex = -1; // whoever has a real keyboard types on it
  made.className = wide ? "epass-keyboard__wide" : "";
  made.textContent = /^\p{M}/u.test(label) ? `\u25cc${label}` : label;
  if (name) made.setAttribute("aria-label", name);
  if (pressed !== undefined) made.setAttribute("aria-pressed", String(pressed));
  if (lang) made.lang = lang;
  made.addEventListener("click", press);
  return made;
}

function letterKey(letter) {
  const written = capitals ? letter.toUpperCase() : letter;
  return key(written, () => {
    write(written);
    if (capitals && !field.matches(ALL_CAPITALS)) show(layout, false); // the shift key holds for one letter
  });
}

function rowsOfNumbers(erase, close) {
  return [...NUMBER_ROWS.map((digits) => [...digits].map(letterKey)), [close, letterKey("0"), erase]];
}

function rowsOfLetters(erase, close) {
  const rows = LAYOUTS[layout].map((letters) => [...letters].map(letterKey));
  const others = Object.entries(NAMES).map(([code, name]) =>
    key(name, () => show(code, startsWithCapital(code)), { wide: true, pressed: code === layout, lang: code }));
  const { shift, space } = board.dataset;
  if (layout === "en") {
    rows[3].unshift(key("⇧", () => show(layout, !capitals), { name: shift, wide: true, pressed: capitals }));
  }
  rows[0].push(erase);
  const blank = key(space, () => write(" "), { wide: true });
  blank.classList.add("epass-keyboard__space");
  return [...rows, [...others, blank, ...[...STOPS].map(letterKey), close]];
}

function show(chosen, withCapitals) {
  [layout, capitals] = [chosen, withCapitals];
  const erase = key("⌫", () => write(""), { name: board.dataset.erase, wide: true });
  const close = key("✕", hide, { name: board.dataset.close, wide: true });
  const rows = numbers.has(field) ? rowsOfNumbers(erase, close) : rowsOfLetters(erase, close);
  board.replaceChildren(...rows.map((keys) => {
    const row = document.createElement("div");
    row.append(...keys);
    return row;
  }));
  board.lang = layout;
  board.classList.toggle("epass-keyboard--numbers", numbers.has(field));
  board.hidden = false;
  makeRoom(`${board.offsetHeight}px`);
}

function hide() {
  board.hidden = true;
  makeRoom("");
}

// Lets the whole page be scrolled to above the keyboard.
function makeRoom(height) {
  document.body.style.paddingBottom = height;
  document.documentElement.style.scrollPaddingBottom = height;
}

function startsWithCapital(code) {
  return code === "en" && (field.matches(ALL_CAPITALS) || (field.value === "" && field.tagName === "INPUT"));
}

function open(chosen, block = "center") {
  field = chosen;
  const first = field.matches(LATIN) || numbers.has(field) ? "en" : document.documentElement.lang;
  show(first, startsWithCapital(first) && !numbers.has(field));
  field.scrollIntoView({ block });
}

// Returns the field in which a visitor begins: the first, or the only one with a problem.
function firstField() {
  const problems = document.querySelectorAll(".govuk-error-summary__list a");
  if (problems.length > 1) return null; // the visitor reads them first
  return document.querySelector(problems.length ? problems[0].hash : AT_ONCE);
}

if (board) {
  const fields = document.querySelectorAll(TYPED);
  for (const one of fields) one.inputMode = "none"; // the device shows no keyboard of its own
  const first = firstField();
  if (first?.matches(TYPED)) {
    first.focus({ preventScroll: true });
    open(first, "nearest"); // what stands above the field is read first
  }
  for (const one of fields) one.addEventListener("focus", () => open(one));
  board.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  // Shows a keyboard that was hidden. Hides it after a choice, for which nobody needs it: not before the
  // click, which would miss what moves.
  document.addEventListener("click", ({ target }) => {
    if (board.contains(target)) return;
    if (!document.activeElement.matches(TYPED)) hide();
    else if (board.hidden) open(document.activeElement);
  });
}
