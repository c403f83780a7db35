/** What Divolte's tag knows of its page: the script's address, its settings, and what the browser asks for. */

export const d = document;
export const n = navigator;

export const settings = DIVOLTE_SETTINGS;

/** The tag that this came with: the one that runs, or else the only one with the script's name. */
const findScript = () => {
  const current = /** @type {HTMLScriptElement | null} */ (d.currentScript);
  if (current?.src) return current;
  const named = [...d.scripts].filter(({ src }) => src.split(/[?#]/)[0].endsWith(settings.scriptName));
  if (named.length != 1) throw Error("Divolte could not initialize itself.");
  return named[0];
};

export const script = findScript();

/** The name that the queue is kept under; the collector knows the source by the address. */
export const site = settings.source;
export const endpoint = new URL(settings.eventSuffix, script.src);

/** True when the browser itself asks not to be followed: Global Privacy Control or Do Not Track. */
export const asksForPrivacy = n.globalPrivacyControl || /** @type {any} */ (n.doNotTrack) == 1;

/**
 * Listens on the window before anything of the page does.
 * @param {string} type
 * @param {(event: any) => void} listener
 */
export const on = (type, listener) => addEventListener(type, listener, true);

const SYMBOLS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_";

/** 192 random bits as 32 of Divolte's symbols. */
export const newId = () => crypto.getRandomValues(new Uint8Array(32)).reduce((text, byte) => text + SYMBOLS[byte & 63], "");
