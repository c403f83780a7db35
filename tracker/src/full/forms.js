/** Forms that were sent, or begun and left; how many fields they have, never what is in them. */

import { on } from "#page";
import { report } from "../transport.js";

/** The forms in which something was typed or chosen. @type {Set<HTMLFormElement>} */
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

/** The page or its route is left: what was begun is not sent any more. */
export const abandon = () => begun.forEach((form) => reportForm("formAbandon", form));

/** Follows forms from now on. */
export const watchForms = () => {
  on("input", ({ target: { form } }) => form && begun.add(form));
  on("submit", ({ target }) => reportForm("formSubmit", target));
  // form.submit() in a script fires no submit.
  on("formdata", ({ target }) => begun.has(target) && reportForm("formSubmit", target));
  on("pagehide", abandon); // not at a change of tab: the visitor comes back and goes on
};
