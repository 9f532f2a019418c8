// Brings every key of a scanner to the field for the pass, from the moment the page is shown.
// A scanner types some hundred keys at once, wherever the focus is. The page loads this script before it is
// drawn, keeps what is typed until the field is there, and hands on to the next page what comes too late for
// this one. The rest of the page works without it.
(() => {
  const KEPT = "epass-scan";
  const KEEP_MS = 5000;
  let typed = takeOver();
  let sent = false;

  // What was typed while the page before was leaving.
  function takeOver() {
    try {
      const { text, at } = JSON.parse(sessionStorage.getItem(KEPT) || "{}");
      sessionStorage.removeItem(KEPT);
      return Date.now() - at < KEEP_MS ? text : "";
    } catch {
      return ""; // storage is switched off
    }
  }

  function handOn() {
    try {
      if (typed) sessionStorage.setItem(KEPT, JSON.stringify({ text: typed, at: Date.now() }));
    } catch {
      // storage is switched off
    }
  }

  const field = () => document.querySelector("[data-scan]");
  const isEditable = (element) => element?.matches("input:not([type=radio]), select, textarea");

  // Puts what was kept into the field. A line end sends the form, and keeps the rest for the next page.
  function flush() {
    const input = field();
    if (!input || !typed || sent) return;
    const [line, ...rest] = typed.split("\n");
    input.focus();
    input.value += line;
    typed = rest.join("\n");
    if (rest.length) send(input);
  }

  function send(input) {
    if (!input.value) return flush(); // a line end and nothing else
    input.form.requestSubmit();
  }

  // The form led nowhere: what was typed meanwhile belongs to this page again.
  function stay() {
    sent = false;
    flush();
  }

  function onKey(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const input = field();
    const ready = input && document.readyState !== "loading" && !sent;
    const focused = document.activeElement;
    if (ready && isEditable(focused)) return typed ? flush() : undefined; // the browser types it
    if (sent && focused && focused !== document.body && focused !== input && isEditable(focused)) return;
    const isLetter = event.key.length === 1 && event.key !== " ";
    const isEnd = event.key === "Enter" && (typed || !focused || focused === document.body || sent);
    if (!isLetter && !isEnd) return;
    event.preventDefault();
    typed += isEnd ? "\n" : event.key;
    if (sent) handOn();
    else if (ready) flush();
  }

  document.addEventListener("keydown", onKey, true);
  document.addEventListener("submit", () => {
    sent = true;
    handOn();
    setTimeout(stay, KEEP_MS);
  });
  document.addEventListener("DOMContentLoaded", flush);
  // A page that comes back from the history is as if it were new.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    typed = takeOver();
    stay();
  });
})();
