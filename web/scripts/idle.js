// At a kiosk everything is cleared when nobody touches it for a while, after a warning; without scripts the page leads there itself.
const dialog = document.querySelector("#idle");
let timers = [];

function start() {
  const { seconds, warning, reset } = dialog.dataset;
  timers.forEach(clearTimeout);
  timers = [
    setTimeout(() => dialog.showModal(), (seconds - warning) * 1000),
    setTimeout(() => location.replace(reset), seconds * 1000),
  ];
}

if (dialog) {
  start();
  ["pointerdown", "keydown", "input"].forEach((sign) => document.addEventListener(sign, () => dialog.open || start(), { passive: true }));
  // Not before the touch is over: it would end on whatever lies beneath.
  dialog.addEventListener("click", () => {
    dialog.close();
    start();
  });
  dialog.addEventListener("cancel", start); // the Escape key
}
