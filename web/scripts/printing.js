// A sheet for a printer is printed as soon as it is there, with its QR.
if (document.body.hasAttribute("data-print")) {
  if (document.readyState === "complete") window.print();
  else window.addEventListener("load", () => window.print());
}
