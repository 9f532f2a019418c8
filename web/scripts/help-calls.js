// Rings on an open page of the reception while a gate calls for help: sound, title and notification.
const box = document.querySelector("#calls");
const RING_SECONDS = 1.5;
const usualTitle = document.title;
let audio;
let ringing;
let notice;

// Two tones, as of a telephone. Before the first key or click of the page a browser plays nothing.
function ring() {
  audio ??= new AudioContext();
  const volume = audio.createGain();
  volume.connect(audio.destination);
  volume.gain.value = 0.3;
  [880, 660].forEach((pitch, at) => {
    const tone = audio.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(volume);
    tone.start(audio.currentTime + at * 0.35);
    tone.stop(audio.currentTime + at * 0.35 + 0.3);
  });
  document.title = document.title === usualTitle ? `🔔 ${box.dataset.title}` : usualTitle;
}

function start() {
  if (ringing) return;
  ring();
  ringing = setInterval(ring, RING_SECONDS * 1000);
  if (window.Notification?.permission !== "granted") return;
  notice = new Notification(box.dataset.title, { body: box.querySelector("h2").textContent, requireInteraction: true });
  notice.addEventListener("click", () => focus());
}

function stop() {
  clearInterval(ringing);
  ringing = undefined;
  document.title = usualTitle;
  notice?.close();
}

async function update() {
  const answer = await fetch(box.dataset.from, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return; // a service is unavailable, or the session has ended
  box.innerHTML = await answer.text();
  box.dispatchEvent(new CustomEvent("epass:shown", { bubbles: true }));
  if (box.querySelector("[data-rings]")) start();
  else stop();
}

// Answers without leaving the page: what the counter has typed stays.
async function answer(event) {
  event.preventDefault();
  stop();
  await fetch(event.target.action, { method: "POST", body: new URLSearchParams(new FormData(event.target)) }).catch(() => {});
  await update();
}

function listen() {
  const refresh = () => update().catch(() => {});
  const source = new EventSource(box.dataset.changes);
  source.addEventListener("changed", refresh);
  source.addEventListener("open", refresh);
  box.addEventListener("submit", answer);
  const ask = document.querySelector("#calls-notify");
  if (window.Notification?.permission !== "default") return;
  ask.hidden = false;
  ask.addEventListener("click", () => Notification.requestPermission().then(() => ask.remove()));
}

if (box) listen();
