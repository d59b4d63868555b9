// The form of an order: the cause found by typing, and what htmx doesn't do about a lost network.
// Everything here is a help: the form works without it.

const RETRY_MS = 5000;

const filterOf = (element) => element.closest?.("[data-filters]");
const formOf = (element) => element.closest?.("#order-form");

function options(select) {
  // Kept whole, for Safari shows options that are hidden.
  select.every ??= [...select.children].map((each) => each.cloneNode(true));
  return select.every;
}

function narrow(input) {
  const select = document.getElementById(input.dataset.filters);
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (option) => {
    const text = `${option.textContent} ${option.parentElement?.label ?? ""}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const chosen = select.value;
  select.replaceChildren(
    ...options(select).flatMap((each) => {
      if (!words.length) return [each.cloneNode(true)];
      if (each.tagName !== "OPTGROUP") return each.value === chosen ? [each.cloneNode(true)] : [];
      const kept = [...each.children].filter((option) => fits(option) || option.value === chosen);
      if (!kept.length) return [];
      const group = each.cloneNode(false);
      group.append(...kept.map((option) => option.cloneNode(true)));
      return [group];
    }),
  );
  select.value = chosen;
  return [...select.options].filter((option) => option.value && fits(option));
}

function choose(select, option) {
  if (!option) return;
  select.value = option.value;
  select.dispatchEvent(new Event("input", { bubbles: true }));
  select.dispatchEvent(new Event("change", { bubbles: true }));
}

document.addEventListener("input", (event) => {
  const input = filterOf(event.target);
  if (!input) return;
  event.stopPropagation(); // What is looked for is no part of the draft.
  narrow(input);
}, true);

document.addEventListener("keydown", (event) => {
  const input = filterOf(event.target);
  if (input && (event.key === "Enter" || event.key === "ArrowDown")) {
    event.preventDefault();
    const select = document.getElementById(input.dataset.filters);
    const [first] = input.value ? narrow(input) : [];
    choose(select, first);
    input.value = "";
    narrow(input);
    select.focus();
    return;
  }
  const form = formOf(event.target);
  if (form && event.key === "Enter" && event.ctrlKey) {
    event.preventDefault();
    form.requestSubmit();
  }
});

const kept = (form) => form.dispatchEvent(new Event("change", { bubbles: true }));

document.addEventListener("htmx:error", (event) => {
  const form = formOf(event.target);
  if (!form) return;
  const said = Object.assign(document.createElement("p"), {
    className: "problem",
    textContent: form.dataset.lost,
  });
  form.querySelector("#draft-answer").replaceChildren(said);
  clearTimeout(form.again);
  form.again = setTimeout(() => form.isConnected && kept(form), RETRY_MS);
});

// An act that may not have arrived is said so: pressed again, the same form is done once.
document.addEventListener("htmx:error", (event) => {
  const part = event.target.closest?.("[data-unheard]");
  if (!part) return;
  const said = Object.assign(document.createElement("p"), {
    className: "problem",
    textContent: part.dataset.unheard,
  });
  document.getElementById(part.dataset.answer).replaceChildren(said);
});

// The page may never be seen again.
document.addEventListener("visibilitychange", () => {
  const form = document.getElementById("order-form");
  if (form && document.hidden) kept(form);
});
