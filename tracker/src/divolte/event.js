/** The fields of an event of Divolte's tag. */

import { d, script } from "#page";
import { isFirstInSession, isNewPartyId, partyId, sessionId } from "./identity.js";

/** @typedef {Record<string, any>} TrackedEvent */

/** Events have their party and session from the cookies. */
export const needsConsent = false;

/** The server's identifier of the page view, which the URL of the script may contain. */
export const serverPageView = new URL(script.src).hash.slice(1);

/** Has the current title. @type {TrackedEvent} */
export const view = {
  get title() {
    return d.title;
  },
};
export const readTitle = () => {};

let count = 0;
let isFirst = true;

/** Returns the identifier of the next event of the current page view. */
export const nextId = () => view.page_view_id + (count++).toString(16);

/**
 * Begins a page view.
 * @param {string} id
 */
export const begin = (id) => {
  if (!serverPageView) count = 0;
  view.page_view_id = id;
};

/**
 * Returns the fields of every event.
 * @param {string} type
 * @param {TrackedEvent} fields
 * @returns {TrackedEvent}
 */
export const describe = (type, fields) => {
  const wasFirst = isFirst;
  isFirst = false;
  return {
    id: fields.id ?? nextId(),
    type,
    created_at: Date.now(),
    page_view_id: view.page_view_id,
    party_id: partyId,
    session_id: sessionId,
    is_new_party: wasFirst && isNewPartyId,
    is_first_in_session: wasFirst && isFirstInSession,
    url: location.href,
    referrer: d.referrer,
    viewport_width: innerWidth,
    viewport_height: innerHeight,
    screen_width: screen.availWidth,
    screen_height: screen.availHeight,
    device_pixel_ratio: devicePixelRatio,
    ...fields,
  };
};
