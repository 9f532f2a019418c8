// Hides fields that are not needed while a checkbox is ticked, such as the ID card of a child, or unless a choice
// is made, such as the office of whoever is no official.
for (const part of document.querySelectorAll("[data-unless], [data-only]")) {
  const [name, value] = (part.dataset.only ?? part.dataset.unless).split("=");
  const boxes = document.querySelectorAll(`input[name="${name}"]`);
  const update = () => {
    part.hidden = value ? [...boxes].every((box) => box.value !== value || !box.checked) : boxes[0].checked;
  };
  for (const box of boxes) box.addEventListener("change", update);
  update();
}
