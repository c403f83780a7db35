/** Engaged time and scroll depth of a page view, sent in a pageLeave whenever the page is left. */

import { d, on } from "#page";
import { report } from "./transport.js";

const LEAST_MS = 100;

let engagedMs = 0;
/** @type {number | boolean | undefined} */
let since; // undefined while the page is hidden or another window has the focus
let depth = 0;

/** Adds the time since the last call, and keeps counting if the page is visible and focused. */
export const count = () => {
  const now = performance.now();
  if (since) engagedMs += now - /** @type {number} */ (since);
  since = !d.hidden && d.hasFocus() && now;
};

/** Stops counting, because a page in the back/forward cache is not visible. */
export const pause = () => {
  since = 0;
};

const measureDepth = () => {
  depth = Math.max(depth, Math.min(100, Math.round(((scrollY + innerHeight) * 100) / d.documentElement.scrollHeight)));
};

/** Reports the engaged time since the last report, so that the sum is correct. */
export const leave = () => {
  count();
  measureDepth();
  if (engagedMs >= LEAST_MS) {
    report("pageLeave", { engagement_ms: engagedMs | 0, scroll_percent: depth });
    engagedMs = 0;
  }
};

/** Resets the counters for another page view. */
export const restart = () => {
  depth = 0;
};

/** Starts tracking focus and scrolling. */
export const watchEngagement = () => {
  on("focus", count);
  on("blur", count);
  on("scroll", measureDepth);
};
