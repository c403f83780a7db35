/** The queue of events until they are acknowledged: bounded; dropped events are counted and reported. */

import { describe, needsConsent, view } from "#event";
import { newId } from "#page";
import { isDenied, load, own, save } from "./storage.js";

const QUEUE_EVENTS = 500;
const QUEUE_BYTES = 5e5;
const FRESH_EVENTS = 50;
const PARTY_MS = 395 * 864e5; // 13 months
const SESSION_MS = 18e5;
export const BATCH_BYTES = 47e3; // leaves 1 KB of the 48 KB for the envelope

/** @typedef {import("./event.js").TrackedEvent} TrackedEvent */

/** @type {TrackedEvent[]} */
const fresh = []; // not written yet: the title of a new route is set after its URL
let dropped = 0;

/** The events of requests in flight. @type {string[]} */
export let inFlight = [];

/** @param {string} text */
export const bytesOf = (text) => new Blob([text]).size;

/** Counts one dropped event. */
export const countDropped = () => {
  dropped++;
};

/** Whether an event of the current page view is not written yet. */
export const isFresh = () => fresh[0];

/**
 * Adds a copy of an event, because the page may change its object later.
 * @param {string} type
 * @param {TrackedEvent} fields
 */
export const add = (type, fields) => fresh.push(JSON.parse(JSON.stringify(describe(type, fields)))) < FRESH_EVENTS || settle();

/**
 * Writes the fresh events to the end of the queue, and returns the queue.
 * @param {unknown} [reports] whether to report dropped events here
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
      // Negated so that a line without times counts as expired.
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
    // Oldest first, but page views last: without them a session has little value.
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
 * Returns the first events that are not in flight and fit next to those in flight.
 * @param {string[]} queue
 * @param {number} limit
 */
export const takeBatch = (queue, limit) =>
  without(queue, inFlight)
    .slice(0, limit)
    // Together with those in flight: browsers allow 64 KB of keepalive bodies for all scripts of the page.
    .filter((text) => bytesOf(inFlight + "," + text) <= BATCH_BYTES && inFlight.push(text));

/**
 * Ends the flight of a batch: its events return to the queue or leave it.
 * @param {string[]} batch
 */
export const endBatch = (batch) => (inFlight = without(inFlight, batch));

/**
 * @param {string[]} lines
 * @param {string[]} batch
 */
export const without = (lines, batch) => lines.filter((text) => !batch.includes(text));
