/** The party and session in Divolte's cookies: read once, written again at each event. */

import { asksForPrivacy, d, newId, settings } from "#page";

const loadedAt = Date.now().toString(36);

/** @param {string} name */
const readCookie = (name) =>
  asksForPrivacy
    ? undefined
    : d.cookie
        .split("; ")
        .filter((cookie) => cookie.startsWith(name + "="))
        .map((cookie) => cookie.slice(name.length + 1))
        .filter((id) => /^0:-?[\da-z]+:[^:]*$/i.test(id)) // events with any other id would be rejected
        .pop();

const party = readCookie(settings.partyCookie);
const session = readCookie(settings.sessionCookie);

const makeId = () => `0:${loadedAt}:${newId()}`;

export const partyId = party || makeId();
export const sessionId = session || makeId();
export const isNewPartyId = !party;
export const isFirstInSession = !session;

/**
 * @param {string} name
 * @param {string} value
 * @param {number} seconds
 */
const writeCookie = (name, value, seconds) => {
  const domain = settings.cookieDomain && "; domain=" + settings.cookieDomain;
  const secure = location.protocol == "https:" ? "; secure" : "";
  d.cookie = `${name}=${value}; path=/; max-age=${seconds}; samesite=lax${domain}${secure}`;
};

/** Renews the lifetime of both cookies. */
export const rollCookies = () => {
  if (asksForPrivacy) return;
  writeCookie(settings.sessionCookie, sessionId, settings.sessionTimeout);
  writeCookie(settings.partyCookie, partyId, settings.partyTimeout);
};
