// What the shop does, and what it tells Footfall; https://segment.com/docs/connections/spec/ecommerce/v2/ names the events.
// `footfall demo` serves these pages with its collector and write key in place of https://collect.example and WRITE_KEY.
"use strict";

// Consent: the choice is the shop's to remember, and footfall.js has to be told on every page.
const question = document.getElementById("consent");
const choice = localStorage.getItem("shop.consent");
question.hidden = choice !== null;
if (choice) footfall.consent(choice);
question.addEventListener("submit", (event) => {
  event.preventDefault();
  localStorage.setItem("shop.consent", event.submitter.value);
  footfall.consent(event.submitter.value);
  question.hidden = true;
});

// The cart, for as long as the tab is open.
const cart = JSON.parse(sessionStorage.getItem("shop.cart") ?? "[]");
const euros = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
const total = () => Math.round(cart.reduce((sum, item) => sum + item.price, 0) * 100) / 100;
const keep = () => {
  sessionStorage.setItem("shop.cart", JSON.stringify(cart));
  document.getElementById("count").textContent = cart.length ? `(${cart.length})` : "";
};
keep();

document.querySelector("[data-footfall=add-to-cart]")?.addEventListener("click", ({ target }) => {
  const { id, name, category, price } = target.dataset;
  const item = { product_id: id, name, category, price: Number(price), quantity: 1 };
  cart.push(item);
  keep();
  document.getElementById("added").innerHTML = 'It is in <a href="/cart">your cart</a>.';
  footfall.track("Product Added", item);
});

const buy = document.getElementById("buy");
if (buy) {
  document.getElementById("items").append(
    ...cart.map(({ name, price }) => {
      const line = document.createElement("li");
      line.textContent = `${name}, ${euros.format(price)}`;
      return line;
    }),
  );
  if (cart.length) document.getElementById("total").textContent = `${euros.format(total())} in all`;
  buy.hidden = !cart.length;
  document.getElementById("empty").hidden = cart.length > 0;
  buy.addEventListener("click", () => {
    footfall.track("Order Completed", {
      order_id: `o_${crypto.randomUUID()}`,
      revenue: total(),
      currency: "EUR",
      products: cart,
    });
    cart.length = 0;
    keep();
    location.href = "/thanks";
  });
}
