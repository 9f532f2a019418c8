// Disables a button such as "Send it again" for some seconds and counts them down.
for (const button of document.querySelectorAll("button[data-wait]")) {
  const ready = performance.now() + Number(button.dataset.wait) * 1000;
  const text = button.textContent.trim();
  const tick = () => {
    const left = Math.ceil((ready - performance.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `${text} (${left})` : text;
    if (left > 0) setTimeout(tick, 500);
  };
  tick();
}
