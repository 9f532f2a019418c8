// Hides fields that are not needed while a checkbox is ticked or a first choice made, such as the ID card of a
// child, or the office of a citizen.
for (const part of document.querySelectorAll("[data-unless]")) {
  const boxes = document.querySelectorAll(`input[name="${part.dataset.unless}"]`);
  const update = () => {
    part.hidden = boxes[0].checked;
  };
  for (const box of boxes) box.addEventListener("change", update);
  update();
}
