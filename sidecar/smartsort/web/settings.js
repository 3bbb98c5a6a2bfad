/** Settings that may change while smartsort runs, and what other values would have done. */

import { get, patch, post } from "./api.js";
import { button, dialog, digits, h, name, redraw, toast, words } from "./dom.js";

const FIELDS = [
  ["max_wrong_per_1000", "number", "Most wrong filings per 1,000", { min: 0.1, max: 100, step: 0.1 }],
  ["min_confidence", "number", "Least similarity of a face to a person", { min: -1, max: 1, step: 0.01 }],
  ["min_margin", "number", "Least distance to the next person", { min: 0, max: 2, step: 0.01 }],
  ["max_faces_per_image", "number", "Most faces on a photo", { min: 1, max: 1000, step: 1 }],
  ["min_face_area", "number", "Smallest face that counts, as a share of the picture", { min: 0, max: 1, step: 0.001 }],
  ["when_confidence_unknown", "choice", "When nothing could be measured", ["accept", "review"]],
  ["multiple_faces", "choice", "Photos of several people", ["review", "each_person", "main_face"]],
  ["action_on_duplicate", "choice", "Duplicates", ["move_to_review", "skip"]],
];

export function settings(root, app) {
  const may = app.may("admin");
  const form = h("form.fields", { onsubmit: (event) => { event.preventDefault(); save(); } });
  root.replaceChildren(h("h1", "Settings"), h("p", { hidden: may }, "This token may look at settings and not change them."), form);
  const rest = h("dl");
  root.append(h("details", h("summary", "All settings in force"), rest));
  let now = {};
  let categories = {};

  async function load() {
    const found = await get("config");
    // What was typed meanwhile stays.
    const { review_categories: switched = {}, ...typed } = form.firstChild ? changes() : {};
    now = flat(found.config);
    // A similarity that was set by hand counts, and the limit does not.
    if (found.limit?.by_hand) now.max_wrong_per_1000 = "";
    const inputs = FIELDS.filter(([id]) => id in now).map(([id, kind, text, limits]) => {
      const field = kind === "choice" ? h("select", { id, name: id }, limits.map((value) => h("option", { value, selected: value === now[id] }, words(value)))) : h("input", { id, name: id, type: "number", value: now[id], ...limits });
      field.disabled = !may;
      return h("div.field", h("label", { for: id }, text), field, found.changed.includes(id) ? h("small", "changed here") : null, id === "max_wrong_per_1000" && found.limit ? h("small", found.limit.text) : null);
    });
    categories = Object.fromEntries(Object.entries(now.review_categories).map(([one, value]) => [one, value?.enabled ?? value]));
    const switches = Object.entries(categories).map(([one, on]) => h("label.switch", h("input", { type: "checkbox", name: `category-${one}`, checked: on, disabled: !may }), words(one)));
    rest.replaceChildren(...listed(found.config).flatMap(([key, value]) => [h("dt", key), h("dd", name(value))]));
    redraw(form, inputs, h("fieldset", h("legend", "Review categories"), switches, h("small", "What is off goes to unidentified instead.")), h("div.buttons", button("What if", whatIf, { disabled: !may }), h("button.primary", { type: "submit", disabled: !may }, "Save")));
    for (const [id, value] of Object.entries(typed)) form.elements[id].value = value;
    for (const [one, on] of Object.entries(switched)) form.elements[`category-${one}`].checked = on;
  }

  /** What is different from what is in force. */
  function changes() {
    const made = {};
    for (const [id, kind] of FIELDS) {
      const field = form.elements[id];
      if (!field) continue;
      const value = kind === "number" ? Number(field.value) : field.value;
      if (value !== now[id] && field.value !== "") made[id] = value;
    }
    const switched = Object.entries(categories).map(([one, on]) => [one, form.elements[`category-${one}`].checked, on]).filter(([, to, on]) => to !== on);
    if (switched.length) made.review_categories = Object.fromEntries(switched);
    return made;
  }

  async function save() {
    const made = changes();
    if (!Object.keys(made).length) return toast("Nothing was changed.");
    await patch("config", made);
    toast("Saved. Photos decided before stay where they are.");
    await load();
  }

  async function whatIf() {
    const made = changes();
    const found = await post("what-if", made);
    const rows = Object.entries(found.moves).map(([move, count]) => h("li", `${digits(count)}: ${words(move)}`));
    const still = `Of ${digits(found.evaluated)} photos of the last ${found.days} days, ${rows.length ? "these would be elsewhere" : "none would be elsewhere"}.`;
    const chosen = await dialog("What if", h("div", found.limit ? h("p", found.limit.text) : null, h("p", still), h("ul", rows), h("p", `${digits(found.decided_by_human)} were decided by people and stay.`)),
      [rows.length && found.preview && ["Save and move them", "apply", "primary"], ["Close"]].filter(Boolean));
    if (chosen !== "apply") return;
    const done = await post("what-if/apply", { preview: found.preview });
    toast(`${digits(done.done ?? 0)} photos moved.`);
    await load();
  }

  load();
  return {};
}

/** Every setting with its whole name, and its value as text. */
function listed(config, before = "") {
  return Object.entries(config).flatMap(([key, value]) => (value && typeof value === "object" && !Array.isArray(value) ? listed(value, `${before}${key}.`) : [[before + key, value === null || value === "" || value?.length === 0 ? "–" : [value].flat().map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one))).join(", ")]]));
}

/** Settings by their own names, wherever they stand in the configuration. */
function flat(config, found = {}) {
  for (const [key, value] of Object.entries(config)) {
    if (value && typeof value === "object" && !Array.isArray(value) && key !== "review_categories") flat(value, found);
    else found[key] ??= value;
  }
  return found;
}
