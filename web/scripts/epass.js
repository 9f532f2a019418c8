// Improves pages that work without it: components of govuk-frontend, and our own parts.
import { Button, CharacterCount, ErrorSummary, NotificationBanner, PasswordInput, Radios, createAll } from "govuk-frontend";
import "./hours.js";
import "./idle.js";
import "./pad.js";
import "./printing.js";
import "./resend.js";
import "./unless.js";
import "./waiting.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
createAll(Button, { preventDoubleClick: true });
createAll(CharacterCount);
createAll(ErrorSummary);
createAll(NotificationBanner);
createAll(PasswordInput);
createAll(Radios);
