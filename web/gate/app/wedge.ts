// A scanner on USB or Bluetooth types a token and Enter, wherever the focus is; a guard types a number.

const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]+/;
/** A scanner leaves less time than this between two keys. */
const PAUSE_MS = 1000;

/** Keep what is typed before the app is drawn; the result ends that and returns it, a line for each Enter. */
export function keepKeys(): () => string {
  let kept = "";
  const keep = ({ key }: KeyboardEvent): void => {
    if (key === "Enter") kept += "\n";
    else if (key.length === 1) kept += key;
  };
  document.addEventListener("keydown", keep, true);
  return () => {
    document.removeEventListener("keydown", keep, true);
    return kept;
  };
}

type Editable = HTMLInputElement | HTMLTextAreaElement;
const isEditable = (element: Element | null): element is Editable =>
  element instanceof HTMLTextAreaElement ||
  (element instanceof HTMLInputElement && !["radio", "checkbox", "range", "button"].includes(element.type));

/**
 * Call the listener for each token that is typed; other keys go to the field if nothing else takes them.
 *
 * `before` is what was typed while the app was not drawn yet.
 */
export function listenToKeys(numberField: HTMLInputElement, before: string, onToken: (token: string) => void): void {
  const lines = before.split("\n");
  let typed = lines.pop() ?? "";
  let lastKeyAt = performance.now();

  function onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const focused = document.activeElement;
    if (event.timeStamp - lastKeyAt > PAUSE_MS) typed = "";
    lastKeyAt = event.timeStamp;
    if (event.key === "Enter" || event.key === "Tab") {
      const token = TOKEN.exec(typed)?.[0];
      typed = "";
      if (token === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      numberField.value = "";
      onToken(token);
      return;
    }
    if (event.key.length !== 1) return;
    typed += event.key;
    if (isEditable(focused) || event.key === " " || numberField.closest("[inert]") || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    numberField.focus();
    numberField.value += event.key;
  }

  document.addEventListener("keydown", onKey, true);
  for (const line of lines) {
    const token = TOKEN.exec(line)?.[0];
    if (token !== undefined) onToken(token);
  }
}
