// The receipt of an erasure: the passes of what was erased go from this phone, too.
import { removeOf } from "./kept-passes.js";

const receipt = document.querySelector("[data-erased]");
const gone = receipt.querySelector("[data-kept-pass]");
if ("serviceWorker" in navigator && "caches" in window) {
  removeOf(receipt.dataset.erased.split(" ")).then((count) => count && (gone.hidden = false));
}
