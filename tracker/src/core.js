/** The hooks of the core build, all empty: it tracks nothing more, and its requests have no cookies. */

/** @type {() => RequestCredentials} */
export const credentials = () => "omit";

/** Adds the build's own parameters to an event. @type {((type: string, parameters: any) => any) | null} */
export const enrich = null;

/** Called after each request. @type {(answer: unknown) => void} */
export const afterRequest = () => {};

/** Called at the end of a page view. */
export const beforeView = () => {};

/** Called when the page is visible and its first view has begun. */
export const watchMore = () => {};
