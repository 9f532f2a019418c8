// A button that is of use only after some seconds, such as "send it again": it counts them and can be pressed then.
for (const button of document.querySelectorAll("button[data-wait]")) {
  const ready = Date.now() + Number(button.dataset.wait) * 1000;
  const text = button.textContent.trim();
  const tick = () => {
    const left = Math.ceil((ready - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `${text} (${left})` : text;
    if (left > 0) setTimeout(tick, 500);
  };
  tick();
}
