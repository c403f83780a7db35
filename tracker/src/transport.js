/** Transport of batches to the collector: one request in flight, retries with backoff, a last request at page leave. */

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
const MAX_HOLD_MS = 864e5; // a timer of more than 24 days would fire at once

/** @type {boolean | undefined} */
let isStopped; // the collector rejects requests of this page
/** @type {boolean | undefined} */
let isHeld; // by Retry-After
let failures = 0;
/** @type {number | undefined} */
let batchTimer;
/** @type {number | undefined} */
let retryTimer;

/**
 * Queues an event and sends it with the others of the same second.
 * @param {string} type
 * @param {import("./queue.js").TrackedEvent} fields
 */
export const report = (type, fields) => {
  if (isStopped) return;
  add(type, fields);
  batchTimer ||= setTimeout(flush, BATCH_DELAY_MS);
};

/** Full jitter: pages that failed together do not retry together. */
const backoff = () => Math.random() * Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);

/**
 * Sends the next batch, if one may be sent now, and processes the response. One function, because two would exceed the size limit.
 * @param {boolean} [isLeaving] whether the page is being left
 * @param {number} [limit] maximum number of events
 */
export const flush = (isLeaving, limit = BATCH_EVENTS) => {
  batchTimer = 0;
  readTitle();
  const queue = settle(isLeaving);
  if (isStopped || isHeld || (inFlight[0] && !isLeaving)) return;
  const batch = takeBatch(queue, limit);
  if (!batch[0]) return;
  // A template, because replace() would interpret "$&" in the data.
  const body = `{"version":1,"site":${JSON.stringify(site)},"sent_at":${Date.now()},"events":[${batch}]}`;
  // A string is sent as text/plain, without a preflight.
  // A missing response must not block the queue; browsers before 2022 lack this timeout.
  fetch(endpoint, { method: "POST", body, keepalive: true, credentials: credentials(), signal: AbortSignal.timeout?.(ANSWER_MS) })
    // Until the response is read completely, the bytes of its request count towards the 64 KB, and the next batch fails.
    .then((response) => response.text().then(() => response))
    .catch(() => {
      // The delivery of a beacon is unknown: its events stay in the queue, and the id removes the duplicate.
      isLeaving && n.sendBeacon(endpoint, body);
    })
    .then((response) => {
      endBatch(batch);
      const status = /** @type {any} */ (response?.status); // undefined without a response
      const half = status == 413 && batch.length >> 1;
      isStopped ||= /40[13]|410/.test(status);
      if (half) flush(false, half);
      else if (!/^[5u]|40[48]|429/.test(status)) {
        // Stored or rejected for good ("u" is undefined): the response names every event of the batch.
        save(without(load(), batch));
        failures = 0;
        if (status == 413) countDropped();
        settle(true);
        flush();
      } else {
        const header = /** @type {any} */ (response?.headers.get("retry-after"));
        // Seconds or a date; one in the past must not shorten the backoff.
        const hold = Math.min(MAX_HOLD_MS, header * 1e3 || /** @type {any} */ (new Date(header)) - Date.now() || 0);
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
