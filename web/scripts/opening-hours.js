// Offers only times within the opening hours of the chosen day, and only ends that are after the start.
function offerOnly(select, isOpen) {
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
    offerOnly(from, (at) => windows.some(([opens, closes]) => opens <= at && at < closes));
    const isAfterStart = (at, opens) => from.value === "" || (opens <= from.value && from.value < at);
    const isEnd = (at) => ([opens, closes]) => opens < at && at <= closes && isAfterStart(at, opens);
    offerOnly(to, (at) => windows.some(isEnd(at)));
  };
  day.addEventListener("change", update);
  from.addEventListener("change", update);
  update();
}
