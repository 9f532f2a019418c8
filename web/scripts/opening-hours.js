// Offers only halves and times within the opening hours of the chosen day, and only ends that are after the
// start. Of half a day and exact hours only one is chosen.
const NOON = "13:00";

function offerOnly(select, isOpen) {
  for (const option of select.options) {
    option.hidden = option.disabled = option.value !== "" && !isOpen(option.value);
  }
  if (select.selectedOptions[0]?.disabled) select.value = "";
}

for (const choice of document.querySelectorAll("[data-hours]")) {
  const [from, to] = choice.querySelectorAll("[data-exact] select");
  const halves = choice.querySelectorAll("input[name^=half]");
  const update = () => {
    const day = choice.querySelector("input[name^=date]:checked, select[name^=date] option:checked");
    const open = day?.dataset.open;
    const windows = open ? open.split(" ").map((one) => one.split("-")) : [["00:00", "24:00"]];
    for (const half of halves) {
      half.disabled = !windows.some(([opens, closes]) => (half.value === "am" ? opens < NOON : closes > NOON));
      if (half.disabled) half.checked = false;
    }
    offerOnly(from, (at) => windows.some(([opens, closes]) => opens <= at && at < closes));
    const isAfterStart = (at, opens) => from.value === "" || (opens <= from.value && from.value < at);
    const isEnd = (at) => ([opens, closes]) => opens < at && at <= closes && isAfterStart(at, opens);
    offerOnly(to, (at) => windows.some(isEnd(at)));
  };
  choice.addEventListener("change", ({ target }) => {
    if (target.name.startsWith("half")) from.value = to.value = "";
    if (target === from || target === to) for (const half of halves) half.checked = false;
    update();
  });
  update();
}
