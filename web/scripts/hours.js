// Of the times of day only those within the hours of the chosen day are offered, and an end only after the beginning.
function offer(select, isOpen) {
  for (const option of select.options) {
    option.hidden = option.disabled = option.value !== "" && !isOpen(option.value);
  }
  if (select.selectedOptions[0]?.disabled) select.value = "";
}

for (const choice of document.querySelectorAll("[data-hours]")) {
  const [day, from, to] = choice.querySelectorAll("select");
  const update = () => {
    const open = day.selectedOptions[0]?.dataset.open;
    const windows = open ? open.split(" ").map((one) => one.split("-")) : [["00:00", "24:00"]];
    offer(from, (at) => windows.some(([opens, closes]) => opens <= at && at < closes));
    offer(to, (at) => windows.some(([opens, closes]) => opens < at && at <= closes && (from.value === "" || (opens <= from.value && from.value < at))));
  };
  day.addEventListener("change", update);
  from.addEventListener("change", update);
  update();
}
