/** The catalogue: one document whose shelves and filters are routes of their own (pushState), drawn in the page. */
"use strict";

const filters = document.querySelector("[data-filters]");
const cards = [...document.querySelectorAll("[data-cards] > li")];

/** The filters of an address: /catalogue/books?max=50&sort=price. */
const read = () => {
  const query = new URLSearchParams(location.search);
  return { category: location.pathname.split("/")[2] ?? "", max: query.get("max") ?? "", sort: query.get("sort") ?? "" };
};

const address = ({ category, max, sort }) => {
  const query = new URLSearchParams(Object.entries({ max, sort }).filter(([, value]) => value)).toString();
  return `/catalogue${category && `/${category}`}${query && `?${query}`}`;
};

const draw = () => {
  const { category, max, sort } = read();
  Object.entries({ category, max, sort }).forEach(([name, value]) => (filters[name].value = value));
  const shown = cards.filter(({ dataset }) => (!category || dataset.category === category) && (!max || Number(dataset.price) <= Number(max)));
  if (sort === "price") shown.sort((a, b) => a.dataset.price - b.dataset.price);
  if (sort === "title") shown.sort((a, b) => a.dataset.title.localeCompare(b.dataset.title));
  document.querySelector("[data-cards]").replaceChildren(...shown);
  document.querySelector("[data-shown]").textContent = `${shown.length} of ${cards.length} shown`;
  const name = category ? filters.category.selectedOptions[0]?.textContent : "Catalogue";
  document.querySelector("[data-heading]").textContent = name ?? "Catalogue";
  document.title = `${name === "Catalogue" ? name : `${name} in the catalogue`} · The Mill Shop`;
};

filters.addEventListener("change", () => {
  history.pushState(null, "", address(Object.fromEntries(new FormData(filters))));
  draw();
});
filters.addEventListener("submit", (event) => event.preventDefault());
addEventListener("popstate", draw);
draw();
