/** The hooks of Divolte's tag: its own identifiers, and callbacks after delivery. */

import { asksForPrivacy, script } from "#page";
import { inFlight, settle } from "../queue.js";
import { own } from "../storage.js";
import { flush } from "../transport.js";

const COMMIT_MS = 1e3; // the time that a page waits for delivery

/** The callbacks, with the events that they wait for. @type {[events: string[], commit: () => void][]} */
let commits = [];

/** Whether the server knows of the browser's opt-out. @type {boolean | undefined} */
let isTold;

/** Sends the server's cookie with all requests, or once after the browser's opt-out so that the server deletes it. @type {() => RequestCredentials} */
export const credentials = () => ("cookie" in script.dataset && !isTold ? "include" : "omit");

/**
 * Ends the wait for events that could not be sent: they are stored for the next page.
 * @param {Response | void} answer
 */
export const afterRequest = (answer) => {
  isTold ||= asksForPrivacy && answer?.ok;
  const ready = commits.filter(([events]) => !answer?.ok || !events.some((event) => own.includes(event)));
  commits = commits.filter((entry) => !ready.includes(entry));
  ready.map(([, commit]) => commit());
};

/**
 * Calls back once all events so far are delivered, or stored if delivery fails or takes too long.
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
    setTimeout(callback); // so that an exception does not block the others
  };
  commits.push([[...own], () => commit()]);
  flush();
  if (!inFlight[0]) afterRequest(); // nothing can be sent now
};
