// At a kiosk everything is cleared when nobody touches it for a while, after a warning; without scripts the page leads there itself.
const dialog = document.querySelector("#idle");
let timers = [];

function start() {
  const { seconds, warning, reset } = dialog.dataset;
  timers.forEach(clearTimeout);
  if (dialog.open) dialog.close();
  timers = [
    setTimeout(() => dialog.showModal(), (seconds - warning) * 1000),
    setTimeout(() => location.replace(reset), seconds * 1000),
  ];
}

if (dialog) {
  start();
  ["pointerdown", "keydown", "input"].forEach((sign) => document.addEventListener(sign, start, { passive: true }));
  dialog.addEventListener("close", start);
}
