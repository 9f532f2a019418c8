// Speaks whom the screen of a waiting hall calls, once each, in three languages, where the browser can.
const calls = () => document.querySelectorAll(".epass-hall [data-call]");
const said = new Set([...calls()].map((row) => row.dataset.call));

// A browser that lists no voices may have them all the same; one that has a list knows what it cannot say.
function voiceOf(language) {
  const voices = window.speechSynthesis.getVoices();
  const found = voices.filter((voice) => voice.lang.toLowerCase().split(/[-_]/)[0] === language);
  return { voice: found.find((one) => /[-_]in$/i.test(one.lang)) ?? found[0], none: voices.length > 0 && !found.length };
}

function say(language, words) {
  const { voice, none } = voiceOf(language);
  if (none) return;
  const utterance = new SpeechSynthesisUtterance(words.replaceAll("-", " "));
  utterance.lang = `${language}-IN`;
  if (voice) utterance.voice = voice;
  window.speechSynthesis.speak(utterance);
}

function speak() {
  for (const row of calls()) {
    if (said.has(row.dataset.call)) continue;
    said.add(row.dataset.call);
    for (const language of ["pa", "hi", "en"]) say(language, row.dataset[language]);
  }
}

if (document.querySelector(".epass-hall") && window.speechSynthesis) {
  window.speechSynthesis.getVoices(); // some browsers load them at the first question
  new MutationObserver(speak).observe(document.querySelector("main"), { childList: true, subtree: true });
}
