/** The script of every page: the tracker's stub, the consent choice, the basket and its events. */
"use strict";

// Calls made before the tracker has loaded are queued in q.
window.headrace ||= Object.assign((...call) => headrace.q.push(call), { q: [], consent: (answer) => headrace("consent", answer) });

const BASKET = "shop.basket";
const CHOICE = "shop.choice";
const page = document.body.dataset;
const find = (selector) => document.querySelector(selector);
const money = (amount) => `€ ${amount.toFixed(2)}`;
const kept = (key, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
};
const keep = (key, value) => localStorage.setItem(key, JSON.stringify(value));
const cents = (amount) => Math.round(amount * 100) / 100;

/** Lines of the basket: {id, title, price, category, quantity}. */
const basket = () => kept(BASKET, []);
const total = (lines) => cents(lines.reduce((sum, line) => sum + line.price * line.quantity, 0));
const pieces = (lines) => lines.reduce((sum, line) => sum + line.quantity, 0);
const about = (line) => ({ product_id: line.id, quantity: line.quantity, price: line.price, currency: page.currency, category: line.category });

const changeBasket = (lines) => {
  keep(BASKET, lines);
  showCount();
};
const showCount = () => {
  find("[data-basket-count]").textContent = pieces(basket());
};

const addToBasket = (product, quantity) => {
  const lines = basket();
  const line = lines.find(({ id }) => id === product.id);
  if (line) line.quantity += quantity;
  else lines.push({ ...product, quantity });
  changeBasket(lines);
  headrace("addToBasket", about({ ...product, quantity }));
};

const removeFromBasket = (id) => {
  const lines = basket();
  headrace("removeFromBasket", about(lines.find((line) => line.id === id)));
  changeBasket(lines.filter((line) => line.id !== id));
  showBasket();
};

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const showBasket = () => {
  const place = find("[data-basket]");
  const lines = basket();
  if (!lines.length) {
    place.replaceChildren(element("p", { textContent: "There is nothing in it yet." }), element("p", {}, element("a", { className: "button", href: "/catalogue", textContent: "See the catalogue" })));
    return;
  }
  const rows = lines.map((line) =>
    element(
      "tr",
      {},
      element("td", {}, element("a", { href: `/product/${line.id}`, textContent: line.title })),
      element("td", { className: "number", textContent: line.quantity }),
      element("td", { className: "number", textContent: money(line.price * line.quantity) }),
      element("td", { className: "number" }, element("button", { type: "button", className: "quiet", textContent: "Remove", ariaLabel: `Remove ${line.title}`, onclick: () => removeFromBasket(line.id) })),
    ),
  );
  const head = element("tr", {}, ...["Product", "Pieces", "Price", ""].map((text, at) => element("th", { scope: "col", className: at ? "number" : "", textContent: text })));
  place.replaceChildren(
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows)),
    element("p", { className: "total" }, "Total ", element("strong", { textContent: money(total(lines)) })),
    element("p", { className: "buttons" }, element("a", { className: "button", href: "/checkout", textContent: "Go to checkout" })),
  );
};

const buy = (event) => {
  event.preventDefault();
  const lines = basket();
  if (!lines.length) {
    find("[data-checkout] .said").textContent = "The basket is empty.";
    return;
  }
  const order = Array.from(crypto.getRandomValues(new Uint8Array(4)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  headrace("purchase", {
    order,
    revenue: total(lines),
    currency: page.currency,
    quantity: pieces(lines),
    product_id: lines[0].id,
    products: lines.map(({ id, quantity, price }) => ({ product_id: id, quantity, price })),
  });
  changeBasket([]);
  location.assign(`/thanks?order=${order}`);
};

const choose = (answer) => {
  keep(CHOICE, answer);
  headrace.consent(answer);
  find("[data-consent]").hidden = true;
};

const beginChoice = () => {
  const answer = kept(CHOICE, null);
  // The tracker stores a yes; a no must be passed to it on every page.
  if (answer === "denied") headrace.consent("denied");
  find("[data-consent]").hidden = answer !== null;
  for (const button of document.querySelectorAll("[data-consent-answer]")) button.onclick = () => choose(button.dataset.consentAnswer);
  for (const button of document.querySelectorAll("[data-consent-open]"))
    button.onclick = () => {
      find("[data-consent]").hidden = false;
      find("[data-consent-answer]").focus();
    };
};

const beginProduct = (product) => {
  const { id, price, category } = product;
  headrace("viewProduct", { product_id: id, price, currency: page.currency, category });
  find("[data-add]").onsubmit = (event) => {
    event.preventDefault();
    const quantity = Number(event.target.quantity.value);
    addToBasket(product, quantity);
    event.target.querySelector(".said").textContent = `${quantity} × added to the basket.`;
  };
};

const beginCheckout = () => {
  const lines = basket();
  find("[data-basket-total]").textContent = money(total(lines));
  find("[data-checkout]").onsubmit = buy;
  if (lines.length) headrace("beginCheckout", { value: total(lines), currency: page.currency, quantity: pieces(lines) });
};

beginChoice();
showCount();
if (page.product) beginProduct(JSON.parse(page.product));
if (find("[data-basket]")) showBasket();
if (find("[data-checkout]")) beginCheckout();
if (find("[data-order]")) find("[data-order]").textContent = new URLSearchParams(location.search).get("order") ?? "is on its way";
