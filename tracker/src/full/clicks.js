/** Click positions in the page and the element, rage clicks and dead clicks. */

import { d, on } from "#page";
import { report } from "../transport.js";

const RAGE_CLICKS = 3;
const RAGE_MS = 1e3;
const RAGE_PIXELS = 30;
const DEAD_MS = 1e3;
const PATH_LENGTH = 5;

/** The latest clicks at nearly the same position. @type {{ at: number, pageX: number, pageY: number }[]} */
let near = [];
let clickedAt = 0;
let aliveAt = 0;

/**
 * Describes an element by the nearest id above it, or else by its place among its siblings.
 * @param {Element} element
 * @param {number} steps
 * @returns {string}
 */
const pathOf = (element, steps = PATH_LENGTH) => {
  const { id, localName, parentElement } = element;
  if (id) return "#" + id;
  if (!parentElement || !steps) return localName;
  return `${pathOf(parentElement, steps - 1)}>${localName}:nth-child(${[...parentElement.children].indexOf(element) + 1})`;
};

/** Clears the pending dead click, because something changes, scrolls or is sent. */
const live = () => {
  aliveAt = performance.now();
  observer.disconnect();
};

const observer = new MutationObserver(live);

/** @param {MouseEvent} event */
const takeClick = (event) => {
  const { pageX, pageY, timeStamp } = event;
  // Ignore clicks of scripts and the keyboard, and the second click of a label on its field.
  if (!event.detail || timeStamp == clickedAt) return;
  clickedAt = timeStamp;
  const element = /** @type {Element} */ (event.composedPath()[0]);
  const at = performance.now();
  const { href } = location;
  const fields = {
    x: pageX | 0,
    y: pageY | 0,
    parameters: {
      element: pathOf(element),
      element_x: event.offsetX | 0,
      element_y: event.offsetY | 0,
    },
  };
  report("click", fields);
  near = near.filter((other) => at - other.at < RAGE_MS && Math.hypot(pageX - other.pageX, pageY - other.pageY) < RAGE_PIXELS);
  if (near.push({ at, pageX, pageY }) == RAGE_CLICKS) {
    report("rageClick", fields);
    near = []; // the fourth click does not count as another rage click
  }
  if (element.closest("button,[role=button]") || getComputedStyle(element).cursor == "pointer") {
    observer.observe(d, { subtree: true, childList: true, attributes: true, characterData: true });
    const link = /** @type {HTMLAnchorElement | null} */ (element.closest("a[href]"));
    setTimeout(() => {
      // A link to another page is not dead, that page may be slow.
      const isLeaving = link && !event.defaultPrevented && link.href.split("#")[0] != location.href.split("#")[0];
      if (aliveAt < at && href == location.href && d.hasFocus() && !isLeaving) report("deadClick", fields);
    }, DEAD_MS);
  }
};

/** Starts tracking clicks. */
export const watchClicks = () => {
  ["scroll", "input", "submit", "pagehide"].map((sign) => on(sign, live));
  on("click", takeClick);
};
