/** Examples that the types allow or reject; compiled by `npm run check`, never run. */

import { addToCart, consent, load, pageView, purchase, track, viewProduct, type Divolte, type Order } from "headrace-tracker";

load({ src: "https://collector.example/headrace.js", site: "shop", features: ["vitals", "errors"], cookie: true });
consent("granted");
pageView();
pageView({ step: 2 });
track("search", { words: ["red", "shoes"], results: 3 });
viewProduct({ product_id: "a", price: 9.5, currency: "EUR" });
addToCart({ product_id: "a", quantity: 2, color: "red" });
const order: Order = { order_id: "1", currency: "EUR", items: [{ product_id: "a", price: 9.5, quantity: 2 }] };
purchase(order);

window.headrace?.("purchase", order);
window.headrace?.("anything");
window.headrace?.consent("denied");
const divolte: Divolte | undefined = window.divolte;
const id: string | null | undefined = divolte?.signal("click", { button: 1 });
divolte?.whenCommitted(() => console.log(id, divolte.pageViewId), 500);

// @ts-expect-error the tag has no such feature
load({ src: "/headrace.js", site: "shop", features: ["replay"] });
// @ts-expect-error a site is mandatory
load({ src: "/headrace.js" });
// @ts-expect-error an answer is granted or denied
consent("maybe");
// @ts-expect-error a price is a number
viewProduct({ price: "9.50" });
// @ts-expect-error the same by name
window.headrace?.("purchase", { revenue: "9.50" });
// @ts-expect-error identifiers are not for the page to change
if (divolte) divolte.partyId = "0:a:b";
