/** Puts the parts together: what the page may call, what calls came before, what the browser tells. */

import { enrich, watchMore } from "#build";
import { asksForPrivacy, d, on } from "#page";
import { watchClicks } from "./clicks.js";
import { count, leave, pause, watchEngagement } from "./engagement.js";
import { countDropped } from "./queue.js";
import { consent } from "./storage.js";
import { flush, report } from "./transport.js";
import { beginView, watchRoutes } from "./views.js";

/**
 * What the page may call.
 * @param {string} type
 * @param {any} [parameters]
 */
const headrace = (type, parameters) => {
  try {
    if (type == "consent") consent(parameters);
    else if (type == "pageView") beginView(parameters);
    else report(type, { parameters: enrich?.(type, parameters) || parameters });
  } catch {
    countDropped(); // what has no JSON is the page's mistake, not its visitor's
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
  if (stub?.consent && !stub.q) return; // the script is in the page twice
  window.headrace = headrace;
  if (asksForPrivacy) consent();
  beginView();
  // What they say of consent holds for this first view too: it is decided when an event is written.
  stub?.q?.map((call) => headrace(...call));
  watchMore(); // before what sends at leaving: its last words go with that
  on("pagehide", leavePage);
  on("visibilitychange", () => (d.hidden ? leavePage() : resume()));
  on("online", resume);
  watchRoutes();
  watchEngagement();
  watchClicks();
};

if (d.prerendering) on("prerenderingchange", start);
else start();
