// At a kiosk, adds a pad of number keys below each field for a number. A keyboard works as usual.
const DELETE = "⌫";

function addPad(field) {
  const keys = document.createElement("div");
  keys.className = "epass-pad";
  keys.setAttribute("role", "group");
  keys.setAttribute("aria-label", field.labels[0].textContent.trim());
  for (const label of [..."123456789", DELETE, "0"]) {
    const key = document.createElement("button");
    key.type = "button";
    key.textContent = label;
    if (label === DELETE) key.setAttribute("aria-label", document.querySelector("#idle").dataset.erase);
    key.addEventListener("click", () => {
      field.value = label === DELETE ? field.value.slice(0, -1) : field.value + label;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    keys.append(key);
  }
  field.after(keys);
}

if (document.body.classList.contains("epass-kiosk")) {
  document.querySelectorAll("input[inputmode=numeric], input[inputmode=tel], input#id_last4").forEach(addPad);
}
