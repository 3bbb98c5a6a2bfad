/** Many photos with one decision: strangers in groups, near misses of known people, and spot checks. */

import { address, get, post } from "./api.js";
import { button, dialog, h, toast } from "./dom.js";
import { asChoice, pickPerson } from "./picker.js";
import { undo } from "./undo.js";

const PAGE = 24;

export function faces(root) {
  const strangers = h("section", {});
  const near = h("section", {});
  const checks = h("section", {});
  root.replaceChildren(h("h1", {}, "Faces"), strangers, near, checks);

  const load = () => Promise.all([
    get("strangers").then(drawStrangers), get("review/near-misses").then(drawNear), get("spot-checks", { limit: 12 }).then(drawChecks)]);

  // --- strangers ---------------------------------------------------------------------------

  function drawStrangers(found) {
    const several = found.groups.filter((group) => group.faces.length > 1);
    strangers.replaceChildren(h("h2", {}, "Strangers"),
      h("p", {}, several.length ? "Each group is probably one person. Name it once, or say that the person does not matter." : "No face without a name is on more than one photo in review.",
        found.measured < found.waiting ? ` The faces of ${found.measured} of ${found.waiting} photos are measured so far.` : ""),
      h("ul", { class: "groups" }, several.map(stranger)));
  }

  function stranger(group) {
    const left = leftOut(group.faces.map((face) => face.id));
    const chosen = () => {
      const byPhoto = {};
      for (const face of group.faces) if (!left.has(face.id)) (byPhoto[face.photo_id] ??= []).push(face.id);
      return byPhoto;
    };
    const sources = Object.entries(group.sources).map(([name, count]) => `${name} ${count}`).join(", ");
    const years = [group.first, group.last].filter(Boolean).map((day) => day.slice(0, 4));
    return h("li", {}, h("img", { src: address(group.sheet), alt: `Contact sheet of ${group.faces.length} faces`, loading: "lazy" }),
      h("p", {}, `${group.faces.length} faces`, h("small", {}, ` ${[sources, [...new Set(years)].join(" to ")].filter(Boolean).join(", ")}`)), left.element,
      h("div", { class: "buttons" },
        button("Name…", async () => {
          const person = await pickPerson(`Who are these ${group.faces.length} faces?`);
          if (person) await decide("name", { faces: chosen(), person: asChoice(person) }, person.name);
        }, { kind: "primary" }),
        button("Ignore", () => decide("mark", { faces: chosen(), kind: "ignored" }, "ignored")),
        button("Not a face", () => decide("mark", { faces: chosen(), kind: "not_a_face" }, "not a face"))));
  }

  async function decide(what, body, name) {
    const foreseen = await post(`strangers/${what}`, { ...body, dry_run: true });
    const going = {};
    for (const one of foreseen.decided) {
      const place = one.problem || (one.destination ? `→ ${one.destination.split("/").slice(0, 2).join("/")}` : "stay in review");
      going[place] = (going[place] || 0) + 1;
    }
    const sure = await dialog(`${foreseen.decided.length} photos: ${name}?`, h("ul", {}, Object.entries(going).map(([place, count]) => h("li", {}, `${count} ${place}`))),
      [{ text: "Do it", value: "yes", kind: "primary" }, { text: "Cancel", value: "" }]);
    if (sure !== "yes") return;
    await tell(await post(`strangers/${what}`, { preview: foreseen.preview }));
  }

  // --- near misses -------------------------------------------------------------------------

  function drawNear(found) {
    near.replaceChildren(h("h2", {}, "Near misses"), found.length ? "" : h("p", {}, "No measured face in review is close to a known person."), h("ul", { class: "groups" }, found.map(miss)));
  }

  function miss(one) {
    const left = leftOut(one.faces.map((face) => face.photo_id));
    const pages = Math.ceil(one.faces.length / PAGE);
    return h("li", {}, Array.from({ length: pages }, (_, at) => h("img", { src: `${address(one.sheet)}?page=${at + 1}`, alt: `Contact sheet, page ${at + 1}`, loading: "lazy" })),
      h("p", {}, h("bdi", {}, one.text)), left.element,
      h("div", { class: "buttons" }, button(`Yes, ${one.person.name}`, async () => {
        const chosen = one.faces.filter((face) => !left.has(face.photo_id));
        const known = Object.fromEntries(chosen.map((face) => [face.photo_id, face.face]));
        await tell(await post("review/bulk/approve", { ids: chosen.map((face) => face.photo_id), faces: known, approve: { person: { id: one.person.id } } }));
      }, { kind: "primary" })));
  }

  // --- spot checks -------------------------------------------------------------------------

  function drawChecks(found) {
    const rows = found.items.map((one) => {
      const answer = async (what) => {
        const done = await post(`spot-checks/${one.photo_id}/${what}`);
        toast(what === "confirm" ? "Noted: it is right." : `${one.filename} waits in review.`, { act: done.event ? () => takeBack(done.event) : null });
        await load();
      };
      return h("li", {}, h("img", { src: address(one.preview), alt: one.filename, loading: "lazy" }), h("p", {}, `Filed under ${one.people.join(", ")}`, h("small", {}, ` ${one.text}`)),
        h("div", { class: "buttons" }, button("Right", () => answer("confirm"), { kind: "primary" }), button("Wrong", () => answer("wrong"), { kind: "bad" })));
    });
    checks.replaceChildren(h("h2", {}, "Spot checks"), h("p", {}, rows.length ? "smartsort filed these photos by itself. Is it right?" : "No filing waits for a check."), h("ul", { class: "groups" }, rows));
  }

  async function tell(done) {
    const failed = done.decided.find((one) => one.problem);
    toast(failed ? `${done.failed} failed: ${failed.problem}` : `${done.done} photos done.`, { bad: Boolean(failed), act: done.event ? () => takeBack(done.event) : null });
    await load();
  }

  async function takeBack(event) {
    await undo({ event });
    await load();
  }

  load();
  return {};
}

/** Numbered boxes for the faces of a sheet that are somebody else's. */
function leftOut(ids) {
  const left = new Set();
  const boxes = ids.map((id, at) => h("label", {}, h("input", { type: "checkbox", onchange: (event) => (event.target.checked ? left.add(id) : left.delete(id)) }), String(at + 1)));
  return { has: (id) => left.has(id), element: h("details", {}, h("summary", {}, "Leave some out"), h("div", { class: "numbers" }, boxes)) };
}
