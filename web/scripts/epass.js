// Improves pages that work without it: components of govuk-frontend, and our own parts.
import { Button, ErrorSummary, NotificationBanner, PasswordInput, Radios, createAll } from "govuk-frontend";
import "./idle.js";
import "./pad.js";
import "./printing.js";
import "./waiting.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
createAll(Button, { preventDoubleClick: true });
createAll(ErrorSummary);
createAll(NotificationBanner);
createAll(PasswordInput);
createAll(Radios);
