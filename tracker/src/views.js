/** Page views: the first, each change of route, each return from the back/forward cache; nothing twice. */

import { beforeView } from "#build";
import { readTitle, view } from "#event";
import { d, newId, on } from "#page";
import { leave, restart } from "./engagement.js";
import { isFresh, settle } from "./queue.js";
import { report } from "./transport.js";

/**
 * Ends the page view there was and begins one.
 * @param {object} [parameters] the page author's own
 */
export const beginView = (parameters) => {
  // A view that is not a second old: its title may have come since. An older one's is known, and this may be the next one's.
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

/** Follows the routes of the page from now on. */
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
