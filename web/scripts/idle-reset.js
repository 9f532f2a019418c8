// At a kiosk, clears everything when nobody touches the screen for a while; a warning comes first. Without
// scripts, a refresh of the page does the same.
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
  for (const activity of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(activity, () => dialog.open || start(), { passive: true });
  }
  // Close on the click, not on the touch before it: the click would hit what lies under the dialog.
  dialog.addEventListener("click", () => {
    dialog.close();
    start();
  });
  dialog.addEventListener("cancel", start); // the Escape key
}
