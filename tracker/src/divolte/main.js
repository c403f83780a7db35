/** `window.divolte`, as pages with Divolte's tag know it; its events go the tracker's way. */

import { whenCommitted } from "#build";
import { begin, nextId, serverPageView } from "#event";
import { d, newId, on, settings } from "#page";
import { settle } from "../queue.js";
import { consent } from "../storage.js";
import { flush, report } from "../transport.js";
import { isFirstInSession, isNewPartyId, partyId, rollCookies, sessionId } from "./identity.js";

/**
 * Reports one event and gives its identifier.
 * @param {string} type
 * @param {unknown} [parameters]
 */
const signal = (type, parameters) => {
  if (!type) return null;
  if (!divolte.pageViewId) beginView();
  const text = JSON.stringify(parameters);
  const isNamed = !text || /^[{n]/.test(text); // an object, null, or nothing
  const id = nextId();
  rollCookies();
  report("" + type, { id, parameters: isNamed ? parameters : { value: parameters } });
  settle(); // kept before the page can be gone
  return id;
};

const divolte = {
  partyId,
  sessionId,
  /** @type {string | null} */
  pageViewId: null,
  isNewPartyId,
  isFirstInSession,
  isServerPageView: !!serverPageView,
  signal,
  whenCommitted,
};

const beginView = () => {
  divolte.pageViewId = serverPageView || "0:" + newId();
  begin(divolte.pageViewId);
  if (settings.autoPageView) signal("pageView");
};

const leavePage = () => flush(true);

const resume = () => {
  if (!divolte.pageViewId) beginView();
  flush();
};

/** Shows the page what it may call, where it looks for it. */
const expose = () => {
  const page = /** @type {any} */ (window);
  if (page.define?.amd) page.define(() => divolte);
  else if (page.module?.exports) page.module.exports = divolte;
  else page.divolte = divolte;
};

if (typeof (/** @type {any} */ (window).divolte) != "object") {
  expose();
  consent("granted"); // Divolte's tag asks nobody but the browser
  if (!d.hidden) beginView();
  on("visibilitychange", () => (d.hidden ? leavePage() : resume()));
  on("pagehide", leavePage);
  on("pageshow", (event) => {
    if (event.persisted) beginView();
  });
  on("online", resume);
}
