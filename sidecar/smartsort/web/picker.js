/** Choosing a person by typing: people of Immich, or a new one. */

import { address, asked, get } from "./api.js";
import { h } from "./dom.js";

/**
 * Ask for a person. Gives `{id, name}`, `{name, create: true}` for a new one, or null when nothing is chosen.
 */
export function pickPerson(title, { mayCreate = true } = {}) {
  return new Promise((resolve) => {
    let options = [];
    let at = 0;
    let latest = 0;
    let answer = null;
    const list = h("ul", { role: "listbox", id: "picker-list", "aria-label": "People" });
    const field = h("input", { type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "picker-list",
      "aria-label": "Name", "aria-autocomplete": "list", autocomplete: "off", placeholder: "Type a name", maxLength: 300 });
    const shown = h("dialog", { class: "picker", "aria-labelledby": "picker-title" }, h("h2", { id: "picker-title" }, title), field, list);
    const take = (option) => { answer = option; shown.close(); };
    const mark = () => {
      [...list.children].forEach((row, index) => row.setAttribute("aria-selected", String(index === at)));
      const row = list.children[at];
      field.setAttribute("aria-activedescendant", row?.id || "");
      row?.scrollIntoView({ block: "nearest" });
    };
    const look = async () => {
      const number = ++latest;
      const search = field.value.trim();
      const people = await get("people", { search, limit: 50 });
      if (number !== latest) return;
      const exact = people.some((person) => person.name.toLowerCase() === search.toLowerCase());
      options = people.map((person) => ({ id: person.id, name: person.name, photos: person.photos }));
      if (mayCreate && search && !exact) options.push({ name: search, create: true });
      at = 0;
      list.replaceChildren(...options.map((option, index) => h("li", { role: "option", id: `option-${index}`, onclick: () => take(option) },
        option.create ? h("span", { class: "plus", "aria-hidden": "true" }, "+") : h("img", { src: address(`people/${option.id}/thumbnail`), alt: "", loading: "lazy" }),
        h("bdi", {}, option.create ? `New person: ${option.name}` : option.name), option.photos ? h("small", {}, `${option.photos} photos`) : null)));
      if (!options.length) list.replaceChildren(h("li", { class: "nothing" }, "Immich knows no one by this name."));
      mark();
    };
    field.addEventListener("input", look);
    field.addEventListener("keydown", async (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step && options.length) {
        at = (at + step + options.length) % options.length;
        mark();
        event.preventDefault();
      } else if (event.key === "Enter") {
        event.preventDefault();
        // A name that was typed faster than people were found must not give the one before it.
        await look();
        if (options[at]) take(options[at]);
      }
    });
    shown.addEventListener("close", () => { shown.remove(); resolve(answer); });
    shown.addEventListener("click", (event) => { if (event.target === shown) shown.close(); });
    document.body.append(shown);
    shown.showModal();
    field.focus();
    look();
  });
}

/** A person as actions take it. */
export const asChoice = (person) => (person.create ? { name: person.name, create: true } : { id: person.id });

export const exportAddress = (query) => address(`review/export${asked(query)}`);
