// Prints a sheet as soon as it has loaded, with its QR.
if (document.body.hasAttribute("data-print")) {
  if (document.readyState === "complete") window.print();
  else window.addEventListener("load", () => window.print());
}
