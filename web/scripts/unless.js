// Hides what need not be answered while a box is ticked: a child's ID card.
for (const part of document.querySelectorAll("[data-unless]")) {
  const box = document.querySelector(`input[name="${part.dataset.unless}"]`);
  const update = () => {
    part.hidden = box.checked;
  };
  box.addEventListener("change", update);
  update();
}
