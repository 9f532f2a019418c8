// Small helpers to make elements. Text is always a text node, so that nothing of a pass is taken for markup.

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | null | undefined | ((event: Event) => void)>;

/** Make an element. A function is a listener of the event that the attribute names (`onclick`). */
export function el<Name extends keyof HTMLElementTagNameMap>(
  name: Name, attributes: Attributes = {}, ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, String(value));
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  good: "M9 25l10 10 20-24",
  bad: "M12 12l24 24M36 12L12 36",
  amber: "M24 8v21M24 36v4",
  card: "M5 11h38v27H5zM11 32c0-8 12-8 12 0M17 24a3 3 0 1 0 0-6 3 3 0 0 0 0 6M28 20h10M28 27h10",
  out: "M20 8H8v32h12M20 24h22M33 14l10 10-10 10",
  wait: "M24 5a19 19 0 1 0 19 19",
  help: "M12 34V21a12 12 0 0 1 24 0v13l4 5H8zM20 42a4 4 0 0 0 8 0",
  menu: "M6 12h36M6 24h36M6 36h36",
  light: "M17 5h14v9l-4 7v22h-6V21l-4-7zM24 27v6",
  erase: "M43 9H19L5 24l14 15h24zM25 18l12 12M37 18L25 30",
  turn: "M5 15h8l4-6h14l4 6h8v25H5zM30 22a9 9 0 1 0 2 8M33 19l-1 6-6-1",
} as const;
export type Icon = keyof typeof PATHS;

/** Draw an icon with the colour of the text; the word beside it says the same. */
export function icon(name: Icon): SVGSVGElement {
  const drawn = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  drawn.setAttribute("viewBox", "0 0 48 48");
  drawn.setAttribute("class", `icon icon--${name}`);
  drawn.setAttribute("aria-hidden", "true");
  path.setAttribute("d", PATHS[name]);
  drawn.append(path);
  return drawn;
}
