/** Settings that may change while smartsort runs, and what other values would have done. */

import { get, patch, post } from "./api.js";
import { button, dialog, h, toast, words } from "./dom.js";

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
  const form = h("form", { class: "fields", onsubmit: (event) => { event.preventDefault(); save(); } });
  root.replaceChildren(h("h1", {}, "Settings"), h("p", { hidden: may }, "This token may look at settings and not change them."), form);
  let now = {};

  async function load() {
    const found = await get("config");
    now = flat(found.config);
    // A similarity that was set by hand counts, and the limit does not.
    if (found.limit?.by_hand) now.max_wrong_per_1000 = "";
    const inputs = FIELDS.filter(([name]) => name in now).map(([name, kind, text, limits]) => {
      const field = kind === "choice" ? h("select", { id: name, name }, limits.map((value) => h("option", { value, selected: value === now[name] }, words(value)))) : h("input", { id: name, name, type: "number", value: now[name], ...limits });
      field.disabled = !may;
      return h("div", { class: "field" }, h("label", { for: name }, text), field, found.changed.includes(name) ? h("small", {}, "changed here") : null, name === "max_wrong_per_1000" && found.limit ? h("small", {}, found.limit.text) : null);
    });
    form.replaceChildren(...inputs, h("div", { class: "buttons" }, button("What if", whatIf, { disabled: !may }), h("button", { class: "primary", disabled: !may }, "Save")));
  }

  /** What is different from what is in force. */
  function changes() {
    const made = {};
    for (const [name, kind] of FIELDS) {
      const field = form.elements[name];
      if (!field) continue;
      const value = kind === "number" ? Number(field.value) : field.value;
      if (value !== now[name] && field.value !== "") made[name] = value;
    }
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
    const rows = Object.entries(found.moves).map(([move, count]) => h("li", {}, `${count.toLocaleString()}: ${words(move)}`));
    const still = `Of ${found.evaluated.toLocaleString()} photos of the last ${found.days} days, ${rows.length ? "these would be elsewhere" : "none would be elsewhere"}.`;
    const chosen = await dialog("What if", h("div", {}, found.limit ? h("p", {}, found.limit.text) : null, h("p", {}, still), h("ul", {}, rows), h("p", {}, `${found.decided_by_human.toLocaleString()} were decided by people and stay.`)),
      [rows.length && found.preview && { text: "Save and move them", value: "apply", kind: "primary" }, { text: "Close", value: "" }].filter(Boolean));
    if (chosen !== "apply") return;
    const done = await post("what-if/apply", { preview: found.preview });
    toast(`${(done.done ?? 0).toLocaleString()} photos moved.`);
    await load();
  }

  load();
  return {};
}

/** Settings by their own names, wherever they stand in the configuration. */
function flat(config, found = {}) {
  for (const [name, value] of Object.entries(config)) {
    if (value && typeof value === "object" && !Array.isArray(value)) flat(value, found);
    else found[name] ??= value;
  }
  return found;
}
