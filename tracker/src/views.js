/** Page views: the first one, each change of route, each return from the back/forward cache; none twice. */

import { beforeView } from "#build";
import { readTitle, view } from "#event";
import { d, newId, on } from "#page";
import { leave, restart } from "./engagement.js";
import { isFresh, settle } from "./queue.js";
import { report } from "./transport.js";

/**
 * Ends the current page view and begins a new one.
 * @param {object} [parameters] the page author's own
 */
export const beginView = (parameters) => {
  // Update the title of a view younger than a second. After that, a new title may already be that of the next view.
  if (isFresh()) readTitle();
  beforeView();
  leave();
  settle();
  view.page_view_id = newId();
  view.referrer = view.url || d.referrer;
  view.url = location.href;
  readTitle();
  restart();
  report("pageView", { parameters });
};

const followRoute = () => {
  if (location.href != view.url) beginView();
};

/** Starts tracking the routes of the page. */
export const watchRoutes = () => {
  /** @type {const} */ (["pushState", "replaceState"]).map((name) => {
    const original = history[name];
    history[name] = (...values) => {
      original.apply(history, values);
      followRoute();
    };
  });
  on("popstate", followRoute);
  on("hashchange", followRoute);
  on("pageshow", (event) => {
    if (event.persisted) beginView();
  });
};
