/** Batches to the collector: one request in flight, retries with backoff, a last one at leaving. */

import { afterRequest, credentials } from "#build";
import { readTitle } from "#event";
import { endpoint, n, site } from "#page";
import { load, save } from "./storage.js";
import { add, countDropped, endBatch, inFlight, settle, takeBatch, without } from "./queue.js";

const BATCH_EVENTS = 50;
const BATCH_DELAY_MS = 1e3;
const ANSWER_MS = 3e4;
const FIRST_RETRY_MS = 1e3;
const LONGEST_RETRY_MS = 3e5;
const LONGEST_HOLD_MS = 864e5; // a timer of more than 24 days would fire at once

/** @type {boolean | undefined} */
let isStopped; // the collector wants nothing of this page
/** @type {boolean | undefined} */
let isHeld; // by Retry-After
let failures = 0;
/** @type {number | undefined} */
let batchTimer;
/** @type {number | undefined} */
let retryTimer;

/**
 * Takes an event and sends it with what else happens within a second.
 * @param {string} type
 * @param {import("./queue.js").TrackedEvent} fields
 */
export const report = (type, fields) => {
  if (isStopped) return;
  add(type, fields);
  batchTimer ||= setTimeout(flush, BATCH_DELAY_MS);
};

/** Full jitter: pages that failed together do not come back together. */
const backoff = () => Math.random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);

/**
 * Sends the next batch, if one may be sent now, and does what the answer says; in one piece, as two would not fit into the size.
 * @param {boolean} [isLeaving] the page may be gone in a moment
 * @param {number} [limit] how many events at most
 */
export const flush = (isLeaving, limit = BATCH_EVENTS) => {
  batchTimer = 0;
  readTitle();
  const queue = settle(isLeaving);
  if (isStopped || isHeld || (inFlight[0] && !isLeaving)) return;
  const batch = takeBatch(queue, limit);
  if (!batch[0]) return;
  // A template: replacing a mark would take "$&" in the data for its own.
  const body = `{"version":1,"site":${JSON.stringify(site)},"sent_at":${Date.now()},"events":[${batch}]}`;
  // A string goes as text/plain: no preflight.
  // An answer that never comes must not hold back what waits behind it; browsers of before 2022 have no such clock.
  fetch(endpoint, { method: "POST", body, keepalive: true, credentials: credentials(), signal: AbortSignal.timeout?.(ANSWER_MS) })
    // Until the answer is read to its end, its request's bytes count among the 64 KB and the next batch is refused.
    .then((response) => response.text().then(() => response))
    .catch(() => {
      // Nobody hears whether a beacon arrived: its events stay in the queue, the id removes the copy.
      isLeaving && n.sendBeacon(endpoint, body);
    })
    .then((response) => {
      endBatch(batch);
      const status = /** @type {any} */ (response?.status); // nothing if there was no answer
      const half = status == 413 && batch.length >> 1;
      isStopped ||= /40[13]|410/.test(status);
      if (half) flush(false, half);
      else if (!/^[5u]|40[48]|429/.test(status)) {
        // Taken or refused for good ("u" is undefined): the answer names every event of the batch.
        save(without(load(), batch));
        failures = 0;
        if (status == 413) countDropped();
        settle(true);
        flush();
      } else {
        const header = /** @type {any} */ (response?.headers.get("retry-after"));
        // Seconds or a date; one in the past must not shorten the backoff.
        const hold = Math.min(LONGEST_HOLD_MS, header * 1e3 || /** @type {any} */ (new Date(header)) - Date.now() || 0);
        isHeld = hold > 0;
        clearTimeout(retryTimer);
        retryTimer = setTimeout(
          () => {
            isHeld = false;
            flush();
          },
          Math.max(hold, backoff()),
        );
      }
      afterRequest(response);
    });
};
