/** Many photos with one decision: groups of strangers, near misses, spot checks. */

import { agree, told } from "./agree.js";
import { get, post } from "./api.js";
import { button, digits, h, name, redraw, sentence, toast, when } from "./dom.js";
import { asChoice, pickPerson } from "./picker.js";
import { undo } from "./undo.js";
import { image } from "./picture.js";

const PAGE = 24;
const VERDICTS = { ignored: "Ignored", not_a_face: "Not a face", locked: "Certainly ", same: "One person", apart: "Two people" };

export function faces(root) {
  /** The ticked boxes: they stay so when the lists are read again. */
  const left = new Set();
  const sections = [1, 2, 3, 4].map(() => h("section"));
  const [strangers, near, checks, verdicts] = sections;
  root.replaceChildren(h("h1", "Faces"), ...sections);

  let asked = 0; // what answers an older question is not drawn
  const load = (now = ++asked) => Promise.all([["strangers", drawStrangers], ["review/near-misses", drawNear], ["spot-checks", drawChecks, { limit: 12 }], ["strangers/verdicts", drawVerdicts]]
    .map(([path, draw, more]) => get(path, more).then((found) => now === asked && draw(found))));

  // --- strangers

  function drawStrangers(found) {
    const several = found.groups.filter((group) => group.faces.length > 1);
    redraw(strangers, h("h2", "Strangers"),
      h("p", several.length ? "Each group is probably one person. Name it once, or say that the person does not matter." : "No face without a name is on more than one photo in review.",
        found.measured < found.waiting ? ` The faces of ${found.measured} of ${found.waiting} photos are measured so far.` : ""),
      h("ul.groups", several.map(stranger)));
  }

  function stranger(group) {
    const chosen = () => {
      const byPhoto = {};
      for (const face of group.faces) if (!left.has(face.id)) (byPhoto[face.photo_id] ??= []).push(face.id);
      return byPhoto;
    };
    const sources = Object.entries(group.sources).map(([name, count]) => `${name} ${count}`).join(", ");
    const years = [group.first, group.last].filter(Boolean).map((day) => day.slice(0, 4));
    return h("li", { id: group.id, tabIndex: -1 }, image(group.sheet, `Contact sheet of ${group.faces.length} faces`),
      h("p", `${group.faces.length} faces`, h("small", ` ${[sources, [...new Set(years)].join(" to ")].filter(Boolean).join(", ")}`)), leftOut(left, group.faces.map((face) => face.id)),
      h("div.buttons",
        button("Name…", async () => {
          const person = await pickPerson(`Who are these ${group.faces.length} faces?`);
          if (person) await decide("name", { faces: chosen(), person: asChoice(person) }, person.name);
        }, { kind: "primary" }),
        button("Certainly…", async () => {
          const person = await pickPerson(`Whose ${group.faces.length} faces are these, for good?`);
          if (person) await decide("mark", { faces: chosen(), kind: "locked", person: asChoice(person) }, `certainly ${person.name}`);
        }),
        button("Ignore", () => decide("mark", { faces: chosen(), kind: "ignored" }, "ignored")),
        button("Not a face", () => decide("mark", { faces: chosen(), kind: "not_a_face" }, "not a face"))));
  }

  async function decide(what, body, said) {
    const done = await agree(`strangers/${what}`, body, (count) => [`${digits(count)} photos: `, name(said), "?"]);
    if (done) await tell(done);
  }

  // --- near misses

  function drawNear(found) {
    redraw(near, h("h2", "Near misses"), found.length ? "" : h("p", "No measured face in review is close to a known person."), h("ul.groups", found.map(miss)));
  }

  function miss(one) {
    const box = (face) => `${one.person.id} ${face.photo_id}`;
    const pages = Math.ceil(one.faces.length / PAGE);
    return h("li", { id: one.person.id, tabIndex: -1 }, Array.from({ length: pages }, (_, at) => image(`${one.sheet}?page=${at + 1}`, `Contact sheet, page ${at + 1}`)),
      h("p", sentence(one.text, [one.person.name])), leftOut(left, one.faces.map(box)),
      h("div.buttons", button(`Yes, ${one.person.name}`, async () => {
        const chosen = one.faces.filter((face) => !left.has(box(face)));
        const known = Object.fromEntries(chosen.map((face) => [face.photo_id, face.face]));
        await tell(await post("review/bulk/approve", { ids: chosen.map((face) => face.photo_id), faces: known, approve: { person: { id: one.person.id } } }));
      }, { kind: "primary" })));
  }

  // --- spot checks

  function drawChecks(found) {
    const rows = found.items.map((one) => {
      const answer = async (what) => {
        const done = await post(`spot-checks/${one.photo_id}/${what}`);
        toast(what === "confirm" ? "Noted: it is right." : `${one.filename} waits in review.`, { names: [one.filename], act: done.event ? () => takeBack(done.event) : null });
        await load();
      };
      return h("li", image(one.preview, one.filename), h("p", "Filed under ", one.people.map((each, at) => [at ? ", " : "", name(each)]), h("small", " ", sentence(one.text, [one.filename, ...one.people]))),
        h("div.buttons", button("Right", () => answer("confirm"), { kind: "primary" }), button("Wrong", () => answer("wrong"), { kind: "bad" })));
    });
    redraw(checks, h("h2", "Spot checks"), h("p", rows.length ? "smartsort filed these photos by itself. Is it right?" : "No filing waits for a check."), h("ul.groups", rows));
  }

  // --- verdicts

  function drawVerdicts(found) {
    const rows = found.map((one) => h("li", h("div.thumbnails", one.photos.slice(0, 4).map((id) => image(`photos/${id}/thumbnail`))),
      h("p", VERDICTS[one.kind], one.person ? name(one.person) : null, h("small", ` ${one.photos.length} photos, ${when(one.at)}`)),
      h("div.buttons", button("Revoke", async () => tell(await post(`strangers/verdicts/${one.key}/revoke`)), { label: `Revoke: ${VERDICTS[one.kind]}${one.person || ""}, ${one.photos.length} photos` }))));
    redraw(verdicts, h("h2", "Verdicts"), h("p", rows.length ? "This was said of faces for good. Revoked, their photos are judged again." : "Nothing was said of a face for good."), h("ul.groups", rows));
  }

  async function tell(done) {
    toast(told(done), { bad: done.failed > 0, act: done.event ? () => takeBack(done.event) : null });
    if (location.hash.includes("/")) location.hash = "review";
    else await load();
  }

  async function takeBack(event) {
    await undo({ event });
    await load();
  }

  load().then(() => document.getElementById(location.hash.split("/")[1])?.focus());
  return {};
}

/** Numbered boxes for the faces of a sheet that are somebody else's. */
function leftOut(left, ids) {
  const boxes = ids.map((id, at) => h("label", h("input", { type: "checkbox", checked: left.has(id), onchange: (event) => left[event.target.checked ? "add" : "delete"](id) }), String(at + 1)));
  return h("details", { id: `left-${ids[0]}` }, h("summary", "Leave some out"), h("div.numbers", boxes));
}
