/** The one item the tracker keeps: who the party is (first line) and the events waiting (a line each); in localStorage with consent, else in memory. */

import { needsConsent } from "#event";
import { asksForPrivacy, site } from "#page";

const key = "headrace." + site;

let party = ""; // the first line; empty without consent
/** The events of this page that wait, wherever the item is: another tab that writes at the same moment can not lose them. @type {string[]} */
export let own = [];
/** @type {boolean | undefined} */
let isShared; // the item is, or was a moment ago, in localStorage
/** @type {boolean | undefined} */
export let isDenied;

const deny = () => {
  if (party) own = [];
  party = "";
  isDenied = true;
  try {
    delete localStorage[key];
  } catch {} // blocked: then nothing is there
};

/** The lines as they are now: another tab may have sent, added, consented or denied since the last look. */
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
 * Keeps these lines; without a party line they never leave memory.
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
 * The visitor's word: "granted" keeps a party and the queue in localStorage, anything else deletes them in every tab.
 * @param {string} [answer]
 */
export const consent = (answer) => {
  if (asksForPrivacy || answer != "granted") deny();
  else {
    const lines = load();
    lines[0] ||= "0"; // the next event makes the party
    save(lines);
  }
};
