// Enhances pages that also work without scripts: components of govuk-frontend, and the modules beside this
// one.
import {
  Button,
  CharacterCount,
  Checkboxes,
  ErrorSummary,
  NotificationBanner,
  PasswordInput,
  Radios,
  createAll,
} from "govuk-frontend";
import "./auto-print.js";
import "./auto-refresh.js";
import "./code.js";
import "./conditional-fields.js";
import "./countdown.js";
import "./opening-hours.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
createAll(Button, { preventDoubleClick: true });
createAll(CharacterCount);
createAll(Checkboxes);
createAll(ErrorSummary);
createAll(NotificationBanner);
createAll(PasswordInput);
createAll(Radios);
document.addEventListener("epass:shown", ({ target }) => createAll(Button, { preventDoubleClick: true }, target));
