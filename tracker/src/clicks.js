/** Outbound clicks and downloads, by primary or middle button or by keyboard. */

import { on } from "#page";
import { report } from "./transport.js";

const FILES = /\.(pdf|zip|t?gz|rar|7z|dmg|exe|msi|apk|(doc|xls|ppt)x?|csv|txt|mp[34])$/i;

/** @param {MouseEvent} event */
const reportClick = (event) => {
  // The composed path includes links inside a shadow root.
  const link = /** @type {HTMLAnchorElement | undefined} */ (event.composedPath().find((node) => /^http/.test(/** @type {any} */ (node).href)));
  if (event.button < 2 && link) {
    const fields = { target: link.href };
    if (link.hasAttribute("download") || FILES.test(link.pathname)) report("download", fields);
    else if (link.host != location.host) report("outboundClick", fields);
  }
};

/** Starts tracking clicks. */
export const watchClicks = () => {
  on("click", reportClick);
  on("auxclick", reportClick);
};
