/** The single item that the tracker stores: the party (first line) and the queued events (a line each); in localStorage with consent, else in memory. */

import { needsConsent } from "#event";
import { asksForPrivacy, site } from "#page";

const key = "headrace." + site;

let party = ""; // the first line; empty without consent
/** The queued events of this page, wherever the item is, so that a concurrent write of another tab cannot lose them. @type {string[]} */
export let own = [];
/** @type {boolean | undefined} */
let isShared; // the item is, or recently was, in localStorage
/** @type {boolean | undefined} */
export let isDenied;

const deny = () => {
  if (party) own = [];
  party = "";
  isDenied = true;
  try {
    delete localStorage[key];
  } catch {} // blocked: there is no item
};

/** Returns the current lines: another tab may have sent, added, consented or denied since the last call. */
export const load = () => {
  /** @type {string[]} */
  let others = [];
  try {
    const text = localStorage[key];
    if (text) {
      [party, ...others] = text.split("\n");
      isShared = true;
      isDenied = false;
    } else if (needsConsent && isShared) deny();
  } catch {} // blocked: memory
  return [party, ...new Set([...others, ...own])];
};

/**
 * Stores these lines; without a party line they stay in memory.
 * @param {string[]} lines
 */
export const save = (lines) => {
  party = lines[0];
  own = own.filter((text) => lines.includes(text));
  try {
    if (party) {
      isDenied = false;
      localStorage[key] = lines.join("\n");
      isShared = true;
    }
  } catch {} // blocked or full: memory
};

/**
 * Sets the consent: "granted" stores a party and the queue in localStorage, anything else deletes them in every tab.
 * @param {string} [answer]
 */
export const consent = (answer) => {
  if (asksForPrivacy || answer != "granted") deny();
  else {
    const lines = load();
    lines[0] ||= "0"; // the next event creates the party
    save(lines);
  }
};
