// Turns a long list to choose from into a field in which a few letters find a line: a combobox with automatic
// selection (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/). Each word that was typed begins a word of
// the line, in any of the languages. Without scripts the list stays, and with them it keeps the value.
const words = (text) => text.normalize("NFC").toLowerCase().split(/[\s,.()/-]+/).filter(Boolean);

function enhance(select) {
  const field = document.createElement("input");
  const list = document.createElement("ul");
  const box = document.createElement("div");
  const lines = [...select.options].filter((one) => one.value);
  const known = lines.map((one) => words(`${one.text} ${one.dataset.words || ""}`));
  let active = null;

  function write() {
    field.value = select.value ? select.selectedOptions[0].text : "";
  }

  function choose(option) {
    select.value = option ? option.value : "";
    select.dispatchEvent(new Event("change", { bubbles: true }));
    close();
  }

  function close() {
    list.hidden = true;
    active = null;
    field.setAttribute("aria-expanded", "false");
    field.removeAttribute("aria-activedescendant");
    write();
    if (document.activeElement === field) field.select(); // what is typed next begins anew
  }

  function mark(item) {
    active?.setAttribute("aria-selected", "false");
    active = item;
    item.setAttribute("aria-selected", "true");
    item.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", item.id);
  }

  function open(typed) {
    const found = lines.filter((_, at) => words(typed).every((one) => known[at].some((word) => word.startsWith(one))));
    list.replaceChildren(...(found.length ? found : [null]).map((option, at) => {
      const item = document.createElement("li");
      item.id = `${select.id}-line-${at}`;
      item.role = "option";
      item.textContent = option ? option.text : select.dataset.search;
      item.setAttribute("aria-selected", "false");
      if (option) item.addEventListener("click", () => choose(option));
      else item.setAttribute("aria-disabled", "true");
      item.option = option;
      return item;
    }));
    active = null;
    list.hidden = false;
    field.setAttribute("aria-expanded", "true");
    mark(list.firstElementChild);
  }

  function move(key) {
    if (list.hidden) return open("");
    const to = key === "ArrowDown" ? active.nextElementSibling : active.previousElementSibling;
    return to && mark(to);
  }

  function press(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") move(event.key);
    else if (list.hidden || !["Enter", "Escape"].includes(event.key)) return;
    else if (event.key === "Escape" || !active.option) close();
    else choose(active.option);
    event.preventDefault();
  }

  function leave() {
    if (list.hidden) return;
    if (field.value.trim() && active.option) choose(active.option);
    else if (!field.value.trim()) choose(null);
    else close();
  }

  Object.assign(field, { type: "text", id: `${select.id}-search`, className: "govuk-input", autocomplete: "off" });
  field.spellcheck = false;
  field.classList.toggle("govuk-input--error", select.classList.contains("govuk-select--error"));
  const names = { role: "combobox", "aria-expanded": "false", "aria-controls": `${select.id}-lines`, "aria-autocomplete": "list" };
  for (const [name, value] of Object.entries(names)) field.setAttribute(name, value);
  if (select.hasAttribute("aria-describedby")) field.setAttribute("aria-describedby", select.getAttribute("aria-describedby"));
  Object.assign(list, { id: `${select.id}-lines`, role: "listbox", hidden: true, className: "epass-choose__list" });
  const label = document.querySelector(`label[for="${select.id}"]`);
  list.setAttribute("aria-label", label.textContent.trim());
  label.htmlFor = field.id;
  box.className = "epass-choose";
  box.append(field, list);
  select.after(box);
  select.classList.add("govuk-visually-hidden");
  select.tabIndex = -1;
  select.setAttribute("aria-hidden", "true");
  select.addEventListener("focus", () => field.focus()); // from the list of problems
  select.addEventListener("change", write);
  field.addEventListener("focus", () => field.select());
  field.addEventListener("input", () => open(field.value));
  field.addEventListener("keydown", press);
  field.addEventListener("blur", leave);
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
  write();
}

function enhanceAll(root) {
  for (const select of root.querySelectorAll("select[data-search]")) if (select.tabIndex >= 0) enhance(select);
}

enhanceAll(document);
document.addEventListener("epass:shown", ({ target }) => enhanceAll(target));
