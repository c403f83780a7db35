/** Web vitals as the web-vitals project defines them, sent once, when the page is first hidden or left. */

import { view } from "#event";
import { d, on } from "#page";
import { report } from "../transport.js";

const WINDOW_MS = 5e3; // maximum duration of a session window of layout shifts
const GAP_MS = 1e3; // pause that ends the window
const SLOW_MS = 40;
const INTERACTIONS_PER_OUTLIER = 50; // the 98th percentile

/** @type {any} */
const measures = performance;

/** The measurements with their view; empty once they are sent. @type {any} */
let values;
/** @type {Record<string, any>} */
let landing;

let shifts = 0;
let firstShiftAt = 0;
let lastShiftAt = 0;
/** The longest duration of each interaction. @type {Record<number, number>} */
let interactions;
/** @type {number} */
let countBefore;

/** Functions that flush the observers. @type {(() => void)[]} */
const drains = [];

/**
 * @param {string} type
 * @param {(entry: any) => void} take
 */
const observe = (type, take) => {
  /** @param {PerformanceEntry[]} entries */
  const takeAll = (entries) => values && entries.map(take);
  const observer = new PerformanceObserver((list) => takeAll(list.getEntries()));
  observer.observe(/** @type {any} */ ({ type, buffered: true, durationThreshold: SLOW_MS }));
  drains.push(() => takeAll(observer.takeRecords()));
};

/** @param {Record<string, any>} first */
const restart = (first) => {
  values = first;
  landing = { ...view };
  shifts = 0;
  interactions = {};
  countBefore = measures.interactionCount;
};

/** @param {any} shift */
const takeShift = ({ hadRecentInput, startTime, value }) => {
  if (hadRecentInput) return;
  if (startTime - lastShiftAt >= GAP_MS || startTime - firstShiftAt >= WINDOW_MS) {
    shifts = 0;
    firstShiftAt = startTime;
  }
  lastShiftAt = startTime;
  shifts += value;
  values.cls = Math.max(values.cls, shifts);
};

/** @param {any} entry */
const takeInteraction = ({ interactionId, duration }) => {
  if (interactionId && !(interactions[interactionId] > duration)) interactions[interactionId] = duration;
};

const interactionToNextPaint = () => {
  const longest = Object.values(interactions).sort((a, b) => b - a);
  // Without the count, use the longest duration.
  return longest[Math.min(longest.length - 1, ((measures.interactionCount - countBefore) / INTERACTIONS_PER_OUTLIER) | 0)];
};

const send = () => {
  drains.map((drain) => drain());
  if (values) report("webVitals", { ...landing, parameters: { ...values, inp: interactionToNextPaint() } });
  values = undefined;
};

/** Starts measuring, including entries that the browser has buffered. */
export const watchVitals = () => {
  const [load = {}] = measures.getEntriesByType("navigation");
  const start = load.activationStart || 0; // a prerendered page begins when it is activated
  /** @param {number} at */
  const since = (at) => Math.max(0, at - start);
  const wasHidden = d.hidden; // paints are invisible then
  /** @param {string} name */
  const takePaint = (name) => (/** @type {any} */ entry) => {
    if (!wasHidden && entry.name != "first-paint") values[name] = since(entry.startTime);
  };
  restart({ ttfb: since(load.responseStart), cls: 0 });
  observe("paint", takePaint("fcp"));
  observe("largest-contentful-paint", takePaint("lcp"));
  observe("layout-shift", takeShift);
  observe("event", takeInteraction);
  observe("first-input", takeInteraction);
  on("pageshow", ({ persisted, timeStamp }) => {
    if (persisted)
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          const shown = performance.now() - timeStamp;
          restart({ ttfb: 0, cls: 0, fcp: shown, lcp: shown });
        }),
      );
  });
  on("visibilitychange", () => d.hidden && send());
  on("pagehide", send);
};
