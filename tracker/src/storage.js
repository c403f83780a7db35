/** The one item the tracker keeps: who the party is (first line) and the events waiting (a line each); in localStorage with consent, else in memory. */

import { asksForPrivacy, site } from "./page.js";

const key = "headrace." + site;

let item = "";
/** @type {number | undefined} */
let place; // 1: localStorage; 2: memory, as it had no room for the newest; else memory only
/** @type {boolean | undefined} */
export let isDenied;

/** Forgets what belongs to a party; what waits without one may still go. */
const forgetParty = () => {
  if (item[0] != "\n") item = "";
};

const deny = () => {
  forgetParty();
  isDenied = true;
  place = 0;
  try {
    delete localStorage[key];
  } catch {} // blocked: then nothing is there
};

/** The lines as they are now: another tab may have sent, added, consented or denied since the last look. */
export const load = () => {
  try {
    const text = localStorage[key];
    if (text) {
      if (!place) {
        forgetParty();
        save((text + item).split("\n"));
      } else if (place < 2) item = text;
    } else if (place) deny();
  } catch {} // blocked: memory
  return item.split("\n");
};

/**
 * Keeps these lines; without a party line they never leave memory.
 * @param {string[]} lines
 */
export const save = (lines) => {
  item = lines.join("\n");
  try {
    if (lines[0]) {
      isDenied = false;
      localStorage[key] = item;
      place = 1;
    }
  } catch {
    place &&= 2;
  }
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
