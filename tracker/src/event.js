/** The fields of an event that describe its page and window. */

import { d, n, newId } from "#page";

/** @typedef {Record<string, any>} TrackedEvent */

/** Whether a party exists and data is stored only with consent; otherwise the events have their own party. */
export const needsConsent = true;

/** The fields of all events of the current page view. @type {TrackedEvent} */
export const view = {};

/** Updates the title of the current page view. */
export const readTitle = () => (view.title = d.title);

/**
 * Returns the fields of every event.
 * @param {string} type
 * @param {TrackedEvent} fields
 * @returns {TrackedEvent}
 */
export const describe = (type, fields) => ({
  id: newId(),
  type,
  created_at: Date.now(),
  viewport_width: innerWidth,
  viewport_height: innerHeight,
  screen_width: screen.width,
  screen_height: screen.height,
  device_pixel_ratio: devicePixelRatio,
  language: n.language,
  time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  ...view,
  ...fields,
});
