/** Choosing a person by typing: people of Immich, or a new one. */

import { get } from "./api.js";
import { digits, h, modal, name } from "./dom.js";
import { image } from "./picture.js";

/**
 * Ask for a person. Gives `{id, name}`, `{name, create: true}` for a new one, or null when nothing is chosen.
 */
export async function pickPerson(title, { mayCreate = true } = {}) {
  let options = [];
  /** The text that the options belong to; null while there are none. */
  let shownFor = null;
  let at = 0;
  let latest = 0;
  let answer = null;
  const list = h("ul", { role: "listbox", id: "picker-list", "aria-label": "People" });
  const field = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "picker-list", dir: "auto",
    "aria-label": "Name", "aria-autocomplete": "list", autocomplete: "off", placeholder: "Type a name", maxLength: 300, autofocus: true });
  const said = h("p", { role: "alert", hidden: true });
  const shown = h("dialog", { class: "picker", "aria-labelledby": "picker-title" }, h("h2", { id: "picker-title" }, title), field, said, list,
    h("menu", h("button", { onclick: () => shown.close() }, "Cancel")));
  const take = (option) => { answer = option; shown.close(); };
  const mark = () => {
    options.forEach((_, index) => list.children[index].setAttribute("aria-selected", String(index === at)));
    const row = options.length ? list.children[at] : null;
    field.setAttribute("aria-activedescendant", row?.id || "");
    row?.scrollIntoView({ block: "nearest" });
  };
  /** Find people for what is typed. Gives false when something else is typed by then, or no one can be found. */
  const look = async () => {
    const number = ++latest;
    const search = field.value.trim();
    let people;
    try {
      people = await get("people", { search, limit: 50 });
      said.hidden = true;
    } catch (problem) {
      if (number === latest) { said.hidden = false; said.textContent = problem.message; }
      return false;
    }
    if (number !== latest) return false;
    const exact = people.some((person) => person.name.toLowerCase() === search.toLowerCase());
    options = people.map((person) => ({ id: person.id, name: person.name, photos: person.photos }));
    if (mayCreate && search && !exact) options.push({ name: search, create: true });
    shownFor = search;
    at = 0;
    list.replaceChildren(...options.map((option, index) => h("li", { role: "option", id: `option-${index}`, "aria-selected": "false", onclick: () => take(option) },
      option.create ? h("span", { class: "plus", "aria-hidden": "true" }, "+") : image(`people/${option.id}/thumbnail`),
      h("span", { class: "name" }, option.create ? "New person: " : null, name(option.name)), option.photos ? h("small", `${digits(option.photos)} photos`) : null)));
    if (!options.length) list.replaceChildren(h("li", { class: "nothing" }, "Immich knows no one by this name."));
    mark();
    return true;
  };
  field.addEventListener("input", look);
  field.addEventListener("keydown", async (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) {
      at = (at + step + options.length) % options.length;
      mark();
      event.preventDefault();
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      // A name that was typed faster than people were found must not give the one before it.
      if (shownFor !== field.value.trim() && !(await look())) return;
      if (options[at]) take(options[at]);
    }
  });
  look();
  await modal(shown);
  return answer;
}

/** A person as actions take it. */
export const asChoice = (person) => (person.create ? { name: person.name, create: true } : { id: person.id });
