/** What Divolte's tag makes of the core: identifiers of its own, and word of what is delivered. */

import { asksForPrivacy, script } from "#page";
import { inFlight, settle } from "../queue.js";
import { own } from "../storage.js";
import { flush } from "../transport.js";

const COMMIT_MS = 1e3; // a page waits for this before it goes on

/** Who waits for which events. @type {[events: string[], commit: () => void][]} */
let commits = [];

/** The server knows of the browser's no. @type {boolean | undefined} */
let isTold;

/** The server's cookie goes with all requests, or once after the browser's no, so that the server deletes it. @type {() => RequestCredentials} */
export const credentials = () => ("cookie" in script.dataset && !isTold ? "include" : "omit");

/**
 * What could not go now is kept for the next page: nobody need wait for it.
 * @param {Response | void} answer
 */
export const afterRequest = (answer) => {
  isTold ||= asksForPrivacy && answer?.ok;
  const ready = commits.filter(([events]) => !answer?.ok || !events.some((event) => own.includes(event)));
  commits = commits.filter((entry) => !ready.includes(entry));
  ready.map(([, commit]) => commit());
};

/**
 * Calls back once all events so far are delivered, or kept where that fails or takes too long.
 * @param {() => void} callback
 * @param {number} timeoutMs
 */
export const whenCommitted = (callback, timeoutMs = COMMIT_MS) => {
  settle();
  if (!own[0]) return callback();
  const timer = setTimeout(() => commit(), timeoutMs);
  let commit = () => {
    commit = () => {};
    clearTimeout(timer);
    setTimeout(callback); // one that throws holds up no other
  };
  commits.push([[...own], () => commit()]);
  flush();
  if (!inFlight[0]) afterRequest(); // nothing may go now
};
