// At a kiosk a field for a number has a pad of keys below it, to be touched; a keyboard works as ever.
const DELETE = "⌫";

function pad(field) {
  const keys = document.createElement("div");
  keys.className = "epass-pad";
  keys.setAttribute("role", "group");
  keys.setAttribute("aria-label", field.labels[0].textContent.trim());
  for (const sign of [..."123456789", DELETE, "0"]) {
    const key = document.createElement("button");
    key.type = "button";
    key.textContent = sign;
    if (sign === DELETE) key.setAttribute("aria-label", document.querySelector("#idle").dataset.erase);
    key.addEventListener("click", () => {
      field.value = sign === DELETE ? field.value.slice(0, -1) : field.value + sign;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
    keys.append(key);
  }
  field.after(keys);
}

if (document.body.classList.contains("epass-kiosk")) {
  document.querySelectorAll("input[inputmode=numeric], input[inputmode=tel], input#id_last4").forEach(pad);
}
