// Speaks whom the screen of a waiting hall calls, once each, where the browser can; a bell rings nowhere.
const calls = () => document.querySelectorAll(".epass-hall [data-call]");
const said = new Set([...calls()].map((row) => row.dataset.call));

function speak() {
  for (const row of calls()) {
    if (said.has(row.dataset.call)) continue;
    said.add(row.dataset.call);
    const words = new SpeechSynthesisUtterance(row.dataset.words.replaceAll("-", " "));
    words.lang = document.documentElement.lang;
    window.speechSynthesis.speak(words);
  }
}

if (document.querySelector(".epass-hall") && window.speechSynthesis)
  new MutationObserver(speak).observe(document.querySelector("main"), { childList: true, subtree: true });
