/** Choosing a person by typing: people of Immich, or a new one. */

import { get } from "./api.js";
import { digits, h, modal, name } from "./dom.js";
import { portrait } from "./picture.js";

/** Ask for a person. Gives `{id, name}`, `{name, create: true}` for a new one, or null when nothing is chosen. */
export async function pickPerson(title) {
  let options = [];
  /** The texts that the options belong to, and that people are looked for by. */
  let shownFor = null;
  let askedFor = null;
  let asked = null;
  let at = 0;
  let latest = 0;
  let answer = null;
  const list = h("ul", { role: "listbox", id: "picker-list", "aria-label": "People" });
  const field = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "picker-list", dir: "auto",
    "aria-label": "Name", "aria-autocomplete": "list", autocomplete: "off", placeholder: "Type a name", maxLength: 300, autofocus: true });
  const said = h("p", { role: "alert", hidden: true });
  const shown = h("dialog.picker", { "aria-labelledby": "picker-title" }, h("h2", { id: "picker-title" }, title), field, said, list,
    h("menu", h("button", { onclick: () => shown.close() }, "Cancel")));
  const take = (option) => { answer = option; shown.close(); };
  const mark = () => {
    options.forEach((_, index) => list.children[index].setAttribute("aria-selected", String(index === at)));
    const row = options.length ? list.children[at] : null;
    field.setAttribute("aria-activedescendant", row?.id || "");
    row?.scrollIntoView({ block: "nearest" });
  };
  /** Find people for what is typed. Gives false when something else is typed by then, or no one is found. */
  const look = () => (asked = find(askedFor = field.value.trim()));
  const find = async (search) => {
    const number = ++latest;
    let people;
    try {
      people = await get("people", { search, limit: 50 });
      said.hidden = true;
    } catch (problem) {
      if (number === latest) { askedFor = null; said.hidden = false; said.textContent = problem.message; }
      return false;
    }
    if (number !== latest) return false;
    options = people;
    if (search && !people.some((person) => person.name.toLowerCase() === search.toLowerCase())) people.push({ name: search, create: true, to_come: true });
    if (shownFor !== search || at >= options.length) at = 0;
    shownFor = search;
    list.replaceChildren(...options.map((option, index) => h("li", { role: "option", id: `option-${index}`, "aria-selected": "false", onclick: () => take(option) },
      portrait(option), h("span.name", option.create ? "New person: " : null, name(option.name)), option.photos ? h("small", `${digits(option.photos)} photos`) : null)));
    if (!options.length) list.replaceChildren(h("li.nothing", "Immich knows no one by this name."));
    mark();
    return true;
  };
  field.addEventListener("input", look);
  field.addEventListener("keydown", async (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Enter: 0 }[event.key];
    if (step === undefined || event.isComposing) return;
    event.preventDefault();
    // Keys that are faster than the answer must not mean the one before it.
    const search = field.value.trim();
    if (shownFor !== search && !(await (askedFor === search ? asked : look()))) return;
    if (step) at = (at + step + options.length) % (options.length || 1);
    else if (options[at]) return take(options[at]);
    mark();
  });
  look();
  await modal(shown);
  return answer;
}

export const asChoice = (person) => (person.create ? { name: person.name, create: true } : { id: person.id });
