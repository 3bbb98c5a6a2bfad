/** The people of Immich, how many photos each has, and which list they are on. */

import { address, get, patch } from "./api.js";
import { h, toast } from "./dom.js";

export function people(root, app) {
  const field = h("input", { type: "search", placeholder: "Search", "aria-label": "Search people", maxLength: 300 });
  const list = h("ul", { class: "cards" });
  root.replaceChildren(h("h1", {}, "People"), field, list);
  field.addEventListener("input", load);

  async function load() {
    const search = field.value;
    const found = await get("people", { search, limit: 1000 });
    if (search !== field.value) return;
    list.replaceChildren(...found.map(card));
    if (!found.length) list.replaceChildren(h("li", {}, "Immich knows no one by this name."));
  }

  function card(person) {
    const choice = h("select", { "aria-label": `List of ${person.name}`, disabled: !app.may("admin") },
      [["", "on no list"], ["whitelist", "wanted"], ["blacklist", "unwanted"]].map(([value, text]) => h("option", { value, selected: value === (person.listed || "") }, text)));
    choice.addEventListener("change", () => change(person, choice.value));
    return h("li", {}, h("img", { src: address(`people/${person.id}/thumbnail`), alt: "", loading: "lazy" }), h("bdi", {}, person.name), h("small", {}, `${(person.photos || 0).toLocaleString()} photos`), choice);
  }

  async function change(person, to) {
    const warnings = [];
    if (person.listed) warnings.push(...(await patch(`config/${person.listed}`, { remove: [person.name] })).warnings);
    if (to) warnings.push(...(await patch(`config/${to}`, { add: [person.name] })).warnings);
    toast(warnings[0] || `${person.name} is ${{ "": "on no list", whitelist: "wanted", blacklist: "unwanted" }[to]} now.`);
    await load();
  }

  load();
  return { keys: [["/", "Search"]], key: (event) => { if (event.key !== "/") return false; field.focus(); return true; } };
}
