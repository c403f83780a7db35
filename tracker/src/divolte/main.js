/** The API `window.divolte` of pages with Divolte's tag, on top of the tracker. */

import { whenCommitted } from "#build";
import { begin, nextId, serverPageView } from "#event";
import { d, newId, on, settings } from "#page";
import { settle } from "../queue.js";
import { consent } from "../storage.js";
import { flush, report } from "../transport.js";
import { isFirstInSession, isNewPartyId, partyId, rollCookies, sessionId } from "./identity.js";

/**
 * Sends one event and returns its identifier.
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
  settle(); // stored before the page can be left
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

/** Publishes the API where the page expects it. */
const expose = () => {
  const page = /** @type {any} */ (window);
  if (page.define?.amd) page.define(() => divolte);
  else if (page.module?.exports) page.module.exports = divolte;
  else page.divolte = divolte;
};

if (typeof (/** @type {any} */ (window).divolte) != "object") {
  expose();
  consent("granted"); // Divolte's tag respects the browser's signals only
  if (!d.hidden) beginView();
  on("visibilitychange", () => (d.hidden ? leavePage() : resume()));
  on("pagehide", leavePage);
  on("pageshow", (event) => {
    if (event.persisted) beginView();
  });
  on("online", resume);
}
