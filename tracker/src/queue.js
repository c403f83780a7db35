/** Events from the moment they happen until an answer names them: bounded, and what is dropped is counted and reported. */

import { describe, needsConsent, view } from "#event";
import { newId } from "#page";
import { isDenied, load, own, save } from "./storage.js";

const QUEUE_EVENTS = 500;
const QUEUE_BYTES = 5e5;
const FRESH_EVENTS = 50;
const PARTY_MS = 395 * 864e5; // 13 months
const SESSION_MS = 18e5;
export const BATCH_BYTES = 47e3; // leaves 1 KB of the 48 KB for what surrounds the events

/** @typedef {import("./event.js").TrackedEvent} TrackedEvent */

/** @type {TrackedEvent[]} */
const fresh = []; // not written yet: the title of a new route comes after its address
let dropped = 0;

/** The events that requests are under way with. @type {string[]} */
export let inFlight = [];

/** @param {string} text */
export const bytesOf = (text) => new Blob([text]).size;

/** Counts one event that can not go. */
export const countDropped = () => {
  dropped++;
};

/** True while an event of the current page view is not written yet. */
export const isFresh = () => fresh[0];

/**
 * Takes one event, as a copy: the page may go on to change its object.
 * @param {string} type
 * @param {TrackedEvent} fields
 */
export const add = (type, fields) => fresh.push(JSON.parse(JSON.stringify(describe(type, fields)))) < FRESH_EVENTS || settle();

/**
 * Writes the fresh events behind those that wait, and gives all that wait.
 * @param {unknown} [reports] whether to report here what was dropped
 */
export const settle = (reports) => {
  const [line, ...queue] = load();
  // The party's line: party, made at, session, last event at. No line, no consent.
  let [party, madeAt, session, lastAt] = /** @type {any[]} */ (line.split(","));
  /** @param {TrackedEvent} event */
  const write = (event) => {
    const at = event.created_at;
    event.title = view.title;
    event.is_private = isDenied;
    if (needsConsent && party) {
      // Written as "not within" so that a line without times counts as run out.
      if ((event.is_new_party = !(at - madeAt < PARTY_MS))) {
        party = newId();
        madeAt = at;
        lastAt = 0;
      }
      if ((event.is_first_in_session = !(at - lastAt < SESSION_MS))) session = newId();
      lastAt = at;
      event.party_id = party;
      event.session_id = session;
    }
    const text = JSON.stringify(event);
    if (bytesOf(text) < BATCH_BYTES) {
      queue.push(text);
      own.push(text);
    } else dropped++;
  };
  fresh.splice(0).map(write);
  while (queue.length > QUEUE_EVENTS || bytesOf("" + queue) > QUEUE_BYTES) {
    // Oldest first, but page views last: a session without its views is worth little.
    queue.splice(Math.max(0, queue.findIndex((text) => !inFlight.includes(text) && !/"pageV|"queueO/.test(text))), 1);
    dropped++;
  }
  if (reports && dropped) {
    write(describe("queueOverflow", { parameters: { dropped } }));
    dropped = 0;
  }
  save([party && "" + [party, madeAt, session, lastAt], ...queue]);
  return queue;
};

/**
 * The first events that are not under way and fit beside those that are.
 * @param {string[]} queue
 * @param {number} limit
 */
export const takeBatch = (queue, limit) =>
  without(queue, inFlight)
    .slice(0, limit)
    // Together with what is under way: browsers allow 64 KB of keepalive bodies in all, for all scripts of the page.
    .filter((text) => bytesOf(inFlight + "," + text) <= BATCH_BYTES && inFlight.push(text));

/**
 * Ends a batch's way: these events wait again, or wait no more.
 * @param {string[]} batch
 */
export const endBatch = (batch) => (inFlight = without(inFlight, batch));

/**
 * @param {string[]} lines
 * @param {string[]} batch
 */
export const without = (lines, batch) => lines.filter((text) => !batch.includes(text));
