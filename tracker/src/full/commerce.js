/** Purchases: the revenue of an order, computed from its items if the page does not send it. */

/** @typedef {{ price?: number, quantity?: number }} Item */

/** @param {{ items?: Item[] }} [order] */
export const withRevenue = (order) => {
  let cents = 0;
  order?.items?.map?.(({ price = 0, quantity = 1 }) => {
    cents += price * quantity * 100;
  });
  return cents && { revenue: Math.round(cents) / 100, ...order };
};
