// Enhances the pages of a kiosk, which also work without scripts.
import "./idle-reset.js";
import "./keyboard.js";
