/** What the core build leaves to the others: nothing more is watched, no request carries a cookie. */

/** @type {() => RequestCredentials} */
export const credentials = () => "omit";

/** What the build adds to an event's parameters. @type {((type: string, parameters: any) => any) | null} */
export const enrich = null;

/** A request has ended. @type {(answer: unknown) => void} */
export const afterRequest = () => {};

/** A page view ends. */
export const beforeView = () => {};

/** The page is shown and its first view has begun. */
export const watchMore = () => {};
