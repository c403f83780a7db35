/** Script errors of the page: each once, a few per page, without the stack, which may contain input of the visitor. */

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
  if (!message?.slice) return; // a failed image, or a rejection without an error
  const key = message + address + line;
  if (seen.size < ERRORS_PER_PAGE && !seen.has(key)) {
    seen.add(key);
    report("scriptError", { parameters: { message: message.slice(0, MESSAGE_LENGTH), source: address?.split(/[?#]/)[0], line } });
  }
};

/** Starts tracking errors. */
export const watchErrors = () => {
  on("error", ({ message, filename, lineno }) => reportError(message, filename, lineno));
  on("unhandledrejection", ({ reason }) => reportError(reason?.message ?? reason));
};
