// Goes on by itself, once, when the sixth digit of a code is there. The page says so where this works.
for (const hint of document.querySelectorAll("[data-goes-on]")) {
  const field = document.getElementById(hint.dataset.goesOn);
  const goOn = () => {
    if (field.value.replace(/\D/g, "").length !== 6) return;
    field.removeEventListener("input", goOn);
    field.form.requestSubmit();
  };
  hint.hidden = false;
  field.addEventListener("input", goOn);
}
