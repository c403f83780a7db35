/** The page: the script tag with its settings, and the browser's privacy signals. */

export const d = document;
export const n = navigator;

/** The tag of this script. */
export const script = /** @type {HTMLScriptElement} */ (d.currentScript);

export const { site } = script.dataset;
export const endpoint = script.dataset.endpoint || new URL("h", script.src);

/** Whether the browser sends Global Privacy Control or Do Not Track. */
export const asksForPrivacy = n.globalPrivacyControl || /** @type {any} */ (n.doNotTrack) == 1;

/**
 * Adds a listener to the window that runs before those of the page.
 * @param {string} type
 * @param {(event: any) => void} listener
 */
export const on = (type, listener) => addEventListener(type, listener, true);

/** 128 random bits as 32 hex digits; randomUUID() is for pages with https only. */
export const newId = () => crypto.getRandomValues(new Uint8Array(32)).reduce((text, byte) => text + (byte & 15).toString(16), "");
