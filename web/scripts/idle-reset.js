// At a kiosk, clears everything when nobody touches the screen for a while; a warning comes first. Without
// scripts, a refresh of the page does the same. The browser's Back brings the warning at once, because it may
// be somebody else who presses it.
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

function warn() {
  const { warning, reset } = dialog.dataset;
  timers.forEach(clearTimeout);
  timers = [setTimeout(() => location.replace(reset), warning * 1000)];
  if (!dialog.open) dialog.showModal();
}

if (dialog) {
  start();
  for (const activity of ["pointerdown", "keydown", "input"]) {
    document.addEventListener(activity, () => dialog.open || start(), { passive: true });
  }
  // Close on the click, not on the touch before it: the click would hit what lies under the dialog.
  dialog.addEventListener("click", (event) => {
    if (event.target.closest("a")) return; // starts anew
    dialog.close();
    start();
  });
  dialog.addEventListener("cancel", start); // the Escape key
  if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") warn();
  // No page of a kiosk is stored; should a browser store one all the same, it is fetched again.
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());
}
