/** The hooks of the full build: features that the tag can switch off, and a server cookie. */

import { script } from "#page";
import { isDenied, load } from "../storage.js";
import { watchClicks } from "./clicks.js";
import { withRevenue } from "./commerce.js";
import { watchErrors } from "./errors.js";
import { abandon, watchForms } from "./forms.js";
import { watchVitals } from "./vitals.js";

const { features } = script.dataset;

/** @param {string} name */
const isOn = (name) => features?.includes(name) ?? true;

/** Whether the server knows of the denial. @type {boolean | undefined} */
let isTold;

/** Sends the server's cookie with consented events, and once after a denial so that the server deletes it. @type {() => RequestCredentials} */
export const credentials = () => ("cookie" in script.dataset && (load()[0] || (isDenied && !isTold)) ? "include" : "omit");

/** @param {Response | void} answer */
export const afterRequest = (answer) => {
  if (answer?.ok) isTold = isDenied;
};

/**
 * @param {string} type
 * @param {any} parameters
 */
export const enrich = (type, parameters) => type == "purchase" && isOn("commerce") && withRevenue(parameters);

export const beforeView = abandon;

export const watchMore = () => {
  isOn("vitals") && watchVitals();
  isOn("errors") && watchErrors();
  isOn("forms") && watchForms();
  isOn("clicks") && watchClicks();
};
