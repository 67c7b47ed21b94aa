/* The other doors show the name that is being typed, as it will be written there. */

const field = document.getElementById("name");
const shown = document.querySelector("[data-name]");

function fold() {
  const name = field.value.trim().toLowerCase().replace(/[\s_-]+/g, "-").replace(/[^a-z0-9-]/g, "");
  shown.textContent = name.slice(0, 40) || field.placeholder;
}

if (field && shown) {
  field.addEventListener("input", fold);
  fold();
}
