/** What the tracker knows of its page: the script tag with its settings, and what the browser asks for. */

export const d = document;
export const n = navigator;

/** The tag that this came with. */
export const script = /** @type {HTMLScriptElement} */ (d.currentScript);

export const { site } = script.dataset;
export const endpoint = script.dataset.endpoint || new URL("h", script.src);

/** True when the browser itself asks not to be followed: Global Privacy Control or Do Not Track. */
export const asksForPrivacy = n.globalPrivacyControl || /** @type {any} */ (n.doNotTrack) == 1;

/**
 * Listens on the window before anything of the page does.
 * @param {string} type
 * @param {(event: any) => void} listener
 */
export const on = (type, listener) => addEventListener(type, listener, true);

/** 128 random bits as 32 hex digits; randomUUID() is for pages with https only. */
export const newId = () => crypto.getRandomValues(new Uint8Array(32)).reduce((text, byte) => text + (byte & 15).toString(16), "");
