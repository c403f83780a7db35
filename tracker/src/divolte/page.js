/** The page of Divolte's tag: the URL of the script, its settings, and the browser's privacy signals. */

export const d = document;
export const n = navigator;

export const settings = DIVOLTE_SETTINGS;

/** The tag of this script: the running one, or else the only one with the script's name. */
const findScript = () => {
  const current = /** @type {HTMLScriptElement | null} */ (d.currentScript);
  if (current?.src) return current;
  const named = [...d.scripts].filter(({ src }) => src.split(/[?#]/)[0].endsWith(settings.scriptName));
  if (named.length != 1) throw Error("Divolte could not initialize itself.");
  return named[0];
};

export const script = findScript();

/** The key of the queue in the storage; the collector identifies the source by the URL. */
export const site = settings.source;
export const endpoint = new URL(settings.eventSuffix, script.src);

/** Whether the browser sends Global Privacy Control or Do Not Track. */
export const asksForPrivacy = n.globalPrivacyControl || /** @type {any} */ (n.doNotTrack) == 1;

/**
 * Adds a listener to the window that runs before those of the page.
 * @param {string} type
 * @param {(event: any) => void} listener
 */
export const on = (type, listener) => addEventListener(type, listener, true);

const SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_";

/** 192 random bits as 32 of Divolte's symbols. */
export const newId = () => crypto.getRandomValues(new Uint8Array(32)).reduce((text, byte) => text + SYMBOLS[byte & 63], "");
