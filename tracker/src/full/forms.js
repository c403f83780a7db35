/** Submitted and abandoned forms, with the number of their fields, never their content. */

import { on } from "#page";
import { report } from "../transport.js";

/** The forms with input. @type {Set<HTMLFormElement>} */
const begun = new Set();

/**
 * @param {string} type
 * @param {HTMLFormElement} form
 */
const reportForm = (type, form) => {
  begun.delete(form);
  const parameters = {
    form_id: form.getAttribute("id"), // form.id may be a field of that name
    form_name: form.getAttribute("name"),
    field_count: form.querySelectorAll("input,select,textarea").length,
  };
  report(type, { parameters });
};

/** Reports forms with input as abandoned, because the page or its route is left. */
export const abandon = () => begun.forEach((form) => reportForm("formAbandon", form));

/** Starts tracking forms. */
export const watchForms = () => {
  on("input", ({ target: { form } }) => form && begun.add(form));
  on("submit", ({ target }) => reportForm("formSubmit", target));
  // form.submit() in a script does not fire "submit".
  on("formdata", ({ target }) => begun.has(target) && reportForm("formSubmit", target));
  on("pagehide", abandon); // not at a change of tab, because the visitor may return
};
