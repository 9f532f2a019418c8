// Says in words which date a field has, in the names that the server uses: a browser shows digits in an order
// of its own, in which 12/01 is December or January.
function say(field) {
  const words = document.getElementById(`${field.id}-in-words`);
  if (!words) return;
  const day = new Date(field.value);
  const weekdays = words.dataset.weekdays.trim().split(" ");
  const months = words.dataset.months.split(" ");
  const said = `${weekdays[(day.getUTCDay() + 6) % 7]}, ${day.getUTCDate()} ${months[day.getUTCMonth()]} ${day.getUTCFullYear()}`;
  words.textContent = field.value ? said : "";
}

const sayAll = (root) => root.querySelectorAll("input[type=date]").forEach(say);

document.addEventListener("input", ({ target }) => target.type === "date" && say(target));
document.addEventListener("reset", ({ target }) => setTimeout(sayAll, 0, target));
window.addEventListener("pageshow", () => sayAll(document)); // what a browser restores after Back
