// Hides fields that are not needed while a checkbox is ticked, such as the ID card of a child.
for (const part of document.querySelectorAll("[data-unless]")) {
  const box = document.querySelector(`input[name="${part.dataset.unless}"]`);
  const update = () => {
    part.hidden = box.checked;
  };
  box.addEventListener("change", update);
  update();
}
