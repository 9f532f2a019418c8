// Enhances the pages of staff, which also work without scripts.
import "./choose.js";
import "./day-in-words.js";
import "./desk.js";
import "./hall.js";
import "./help-calls.js";
import "./photograph.js";
