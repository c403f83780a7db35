/** Errors of the page's scripts: each once, the first few of a page, without the stack, which may hold what a visitor typed. */

import { on } from "#page";
import { report } from "../transport.js";

const ERRORS_PER_PAGE = 5;
const MESSAGE_LENGTH = 200;

/** @type {Set<string>} */
const seen = new Set();

/**
 * @param {any} message
 * @param {string} [address]
 * @param {number} [line]
 */
const reportError = (message, address, line) => {
  if (!message?.slice) return; // a picture that did not come, or a reason that is no error
  const key = message + address + line;
  if (seen.size < ERRORS_PER_PAGE && !seen.has(key)) {
    seen.add(key);
    report("scriptError", { parameters: { message: message.slice(0, MESSAGE_LENGTH), source: address?.split(/[?#]/)[0], line } });
  }
};

/** Follows errors from now on. */
export const watchErrors = () => {
  on("error", ({ message, filename, lineno }) => reportError(message, filename, lineno));
  on("unhandledrejection", ({ reason }) => reportError(reason?.message ?? reason));
};
