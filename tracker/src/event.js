/** What an event carries of its page and its window. */

import { d, n, newId } from "#page";

/** @typedef {Record<string, any>} TrackedEvent */

/** Whether a party is made, and anything kept, only where the visitor agreed; else the events bring theirs. */
export const needsConsent = true;

/** What the events of the current page view carry. @type {TrackedEvent} */
export const view = {};

/** Reads the title anew for the current page view. */
export const readTitle = () => (view.title = d.title);

/**
 * What every event carries.
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
