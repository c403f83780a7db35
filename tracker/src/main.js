/** The entry point: the page's API, the queued calls, and the browser's events. */

import { enrich, watchMore } from "#build";
import { asksForPrivacy, d, on } from "#page";
import { watchClicks } from "./clicks.js";
import { count, leave, pause, watchEngagement } from "./engagement.js";
import { countDropped } from "./queue.js";
import { consent } from "./storage.js";
import { flush, report } from "./transport.js";
import { beginView, watchRoutes } from "./views.js";

/**
 * The API of the page.
 * @param {string} type
 * @param {any} [parameters]
 */
const headrace = (type, parameters) => {
  try {
    if (type == "consent") consent(parameters);
    else if (type == "pageView") beginView(parameters);
    else report(type, { parameters: enrich?.(type, parameters) || parameters });
  } catch {
    countDropped(); // parameters that cannot be JSON are a bug of the page
  }
};
headrace.consent = consent;

const leavePage = () => {
  leave();
  pause();
  flush(true);
};

const resume = () => {
  count();
  flush();
};

const start = () => {
  const stub = window.headrace;
  if (stub?.consent && !stub.q) return; // the script is already in the page
  window.headrace = headrace;
  if (asksForPrivacy) consent();
  beginView();
  // A queued consent applies to the first view too, because it is read when an event is written.
  stub?.q?.map((call) => headrace(...call));
  watchMore(); // before the listener that sends at page leave, so that its last events are included
  on("pagehide", leavePage);
  on("visibilitychange", () => (d.hidden ? leavePage() : resume()));
  on("online", resume);
  watchRoutes();
  watchEngagement();
  watchClicks();
};

if (d.prerendering) on("prerenderingchange", start);
else start();
