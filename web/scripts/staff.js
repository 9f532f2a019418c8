// Enhances the pages of staff, which also work without scripts.
import "./desk.js";
import "./help-calls.js";
import "./photograph.js";
