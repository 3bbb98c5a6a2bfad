/** The people of Immich, how many photos each has, which list they are on, and who may be two. */

import { address, get, patch, post } from "./api.js";
import { button, dialog, h, name, redraw, toast } from "./dom.js";
import { undo } from "./undo.js";
import { portrait } from "./picture.js";

export function people(root, app) {
  const field = h("input", { type: "search", placeholder: "Search", "aria-label": "Search people", maxLength: 300, dir: "auto" });
  const list = h("ul.cards");
  root.replaceChildren(h("h1", "People"), field, list);
  field.addEventListener("input", load);

  let latest = 0;
  async function load() {
    const number = ++latest;
    const found = await get("people", { search: field.value, limit: 1000 });
    if (number !== latest) return;
    // Nothing is filed under those who look like two people, so they come first.
    found.sort((one, other) => other.mixed.length - one.mixed.length);
    redraw(list, found.length ? found.map(card) : h("li", "Immich knows no one by this name."));
  }

  function card(person) {
    const choice = h("select", { id: `list-${person.id}`, "aria-label": `List of ${person.name}`, disabled: !app.may("admin") },
      [["", "on no list"], ["whitelist", "wanted"], ["blacklist", "unwanted"]].map(([value, text]) => h("option", { value, selected: value === (person.listed || "") }, text)));
    choice.addEventListener("change", () => change(person, choice));
    // Who has not changed keeps the card: a list may be open on it.
    return h(person.mixed.length ? "li.mixed" : "li", { id: `person-${person.id}`, "data-is": JSON.stringify(person) }, portrait(person), name(person.name), h("small", `${(person.photos || 0).toLocaleString()} photos`), choice,
      person.mixed.length ? button("Two people?", () => ask(person), { kind: "bad", label: `Is ${person.name} two people?` }) : null);
  }

  /** Show the faces of one and, in frames, of the other. Saying that it is one person can be undone. */
  async function ask(person) {
    const [one, other] = person.mixed;
    const said = await dialog("Two people?", h("div", h("p", "The faces under the name ", name(person.name), ` look like two people's: ${one} like one, ${other} like the other. Those of the other are framed.`),
      h("img.sheet", { src: address(`people/${person.id}/mixed`), alt: "Faces of both" }), h("p", "Nothing is filed here. Split them in Immich, or say that it is one person.")),
    [["One person", "one", "primary"], ["Close"]]);
    if (said !== "one") return;
    const { event } = await post(`people/${person.id}/one-person`);
    toast(`${person.name} is one person. Photos that waited are judged again.`, { names: [person.name], act: async () => { await undo({ event }); await load(); } });
    await load();
  }

  async function change(person, choice) {
    const to = choice.value;
    try {
      const warnings = [];
      if (person.listed) warnings.push(...(await patch(`config/${person.listed}`, { remove: [person.name] })).warnings);
      if (to) warnings.push(...(await patch(`config/${to}`, { add: [person.name] })).warnings);
      toast(warnings[0] || `${person.name} is ${{ "": "on no list", whitelist: "wanted", blacklist: "unwanted" }[to]} now.`, { names: [person.name] });
    } finally {
      // Whatever became of it, the list shows what holds.
      choice.closest("li").id = "";
      await load();
    }
  }

  load();
  return { keys: [["/", "Search"]], key: (event) => { if (event.key !== "/") return false; field.focus(); return true; } };
}
