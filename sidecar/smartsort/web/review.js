/** The review: the queue, one photo large, and every decision about it. */

import { address, get, post } from "./api.js";
import { button, bytes, dialog, h, toast, when, words } from "./dom.js";
import { asChoice, exportAddress, pickPerson } from "./picker.js";
import { crop, picture, preload } from "./picture.js";
import { Queue } from "./queue.js";
import { swipes } from "./swipe.js";
import { undo } from "./undo.js";

const KEYS = [["a", "File under the suggested person"], ["1-9", "File under that suggestion"], ["P", "Pick a person"], ["r", "Reject: to the trash, can be undone"],
  ["s", "Skip: to the end of the queue"], ["x", "Not this person"], ["u", "Undo the last decision"], ["j k", "Next or previous photo"], ["o", "Next face"],
  ["m", "Mark for a bulk action"], ["M", "All that match"], ["f", "Next category"], ["/", "Search"], ["w", "Why"]];

export function review(root, app) {
  let item = null;
  let face = 0;
  let busy = false;
  let opening = 0;
  let category = null;
  let search = "";

  const queue = new Queue({ opened: (one) => { root.classList.add("open"); if (item?.id !== one.id) open(one.id); }, changed: () => drawHead() });
  const head = h("div", { class: "filters" });
  const bulk = h("div", { class: "bulk", role: "group", "aria-label": "Marked photos" });
  const field = h("input", { type: "search", placeholder: "Search", "aria-label": "Search names, people, sources and reasons", maxLength: 300 });
  field.addEventListener("input", later(() => { search = field.value.trim(); reload(); }, 250));
  const desk = h("section", { class: "desk", "aria-label": "Photo" });
  const list = h("section", { class: "queue", "aria-label": "Queue" }, h("div", { class: "tools" }, field,
    h("a", { class: "quiet", id: "export", href: exportAddress({ format: "csv" }), download: "review-queue.csv" }, "Export")), head, bulk, queue.element);
  root.replaceChildren(list, desk);

  // --- the list ----------------------------------------------------------------------------

  const filter = () => ({ category, search });

  async function reload(keep = null) {
    await queue.load(filter());
    document.getElementById("export").href = exportAddress({ ...filter(), format: "csv" });
    const next = (keep !== null && queue.index(keep) >= 0 && keep) || queue.items[0]?.id;
    if (next) await open(next);
    else nothing();
  }

  function drawHead() {
    const all = Object.values(queue.counts).reduce((sum, one) => sum + one, 0);
    const chip = (name, text, count) => h("button", { type: "button", "aria-pressed": String(category === name), onclick: () => { category = name; reload(); } }, text, h("small", {}, count.toLocaleString()));
    head.replaceChildren(chip(null, "All", all), ...Object.entries(queue.counts).filter(([, count]) => count).map(([name, count]) => chip(name, words(name), count)));
    const count = queue.marked.size;
    bulk.replaceChildren(...(count ? [h("span", {}, `${count} marked`), button("File…", bulkPerson), button("Suggested", () => bulkDo("approve", chosenMarked())), button("Reject", () => bulkDo("reject", chosenMarked())),
      button("Skip", () => bulkDo("skip", chosenMarked())), button("None", () => { queue.marked.clear(); queue.draw(); drawHead(); }, { kind: "quiet" })] : [button(`All ${queue.total.toLocaleString()} that match…`, everything, { key: "M", kind: "quiet" })]));
    bulk.hidden = !queue.total;
  }

  function nothing() {
    item = null;
    queue.current = null;
    const narrowed = category || search;
    desk.replaceChildren(h("div", { class: "empty" }, h("h2", {}, narrowed ? "Nothing matches" : "Nothing waits"),
      h("p", {}, narrowed ? "No photo in the queue matches this filter." : "smartsort has filed every photo, or you have."),
      narrowed ? button("Show all", () => { category = null; field.value = search = ""; reload(); }) : null));
  }

  // --- one photo ---------------------------------------------------------------------------

  async function open(id) {
    const number = ++opening;
    queue.select(id);
    let found;
    try {
      found = await get(`review/items/${id}`);
    } catch (problem) {
      if (problem.status !== 404 || number !== opening) throw problem;
      return move(queue.remove(id));
    }
    if (number !== opening) return;
    item = found;
    face = item.faces.find((one) => one.suggestions.length)?.number || item.faces[0]?.number || 0;
    draw();
    preload([queue.beside(1), queue.beside(2), queue.beside(3)].filter(Boolean));
  }

  const move = (next) => (next ? open(next.id) : nothing());
  const step = (by) => { const next = queue.beside(by); if (next) open(next.id); };
  const meant = () => item.faces.find((one) => one.number === face) || null;
  /** The suggestion that is sure enough to be filed under with one key or one tap. */
  const sure = () => { const [first] = suggested(); return first?.accepted ? first : null; };
  const suggested = () => { const own = meant()?.suggestions || []; return own.length ? own : item.suggestions; };

  function draw() {
    const shownFace = meant();
    const photo = picture(item, face, (number) => { face = number; draw(); });
    const best = sure();
    const decided = item.action !== "pending";
    swipes(photo, { right: best ? `✓ ${best.person.name}` : "Pick a person", left: best ? `Not ${best.person.name}` : "", up: "Skip" },
      { right: approveSure, left: ruleOut, up: () => act("skip", "skipped") });
    const others = item.other_copy?.thumbnail ? h("figure", { class: "photo other" }, h("img", { src: address(item.other_copy.thumbnail.replace(/thumbnail$/, "preview")), alt: "The other copy" })) : null;
    desk.replaceChildren(
      h("div", { class: "stage" }, photo, others),
      h("div", { class: "about" },
        h("nav", { class: "position", "aria-label": "Photos" }, button("‹", () => step(-1), { kind: "quiet", label: "Previous photo", disabled: !queue.beside(-1) }),
          h("span", {}, `${(queue.index(item.id) + 1).toLocaleString()} of ${queue.total.toLocaleString()}, ${words(item.category)}`),
          button("›", () => step(1), { kind: "quiet", label: "Next photo", disabled: !queue.beside(1) })),
        h("h2", {}, h("bdi", {}, item.filename)),
        h("p", { class: "reason" }, item.text),
        decided ? h("p", { class: "decided" }, `It was ${item.action}.`) : people(shownFace),
        item.other_copy ? copies() : null,
        h("details", {}, h("summary", {}, "Details"), facts()),
        item.frames ? button("Frames", frames, { kind: "quiet" }) : null,
        button("Why", why, { key: "w", kind: "quiet" })),
      h("div", { class: "actions", role: "group", "aria-label": "Decide" },
        button("Back", () => root.classList.remove("open"), { kind: "quiet back", label: "Back to the list" }),
        button("Reject", () => act("reject", "rejected"), { key: "r", kind: "bad", disabled: decided }),
        button("Skip", () => act("skip", "skipped"), { key: "s", disabled: decided }),
        best ? button("Person…", pick, { key: "P", disabled: decided }) : null,
        best ? button(best.person.name, approveSure, { key: "a", kind: "primary", label: `File under ${best.person.name}`, disabled: decided }) : button("Person…", pick, { key: "P", kind: "primary", disabled: decided })));
  }

  function people(shownFace) {
    const rows = suggested().slice(0, 9).map((one, index) => h("li", {}, button(one.person.name, () => approve(index), { key: String(index + 1), kind: "person", label: `File under ${one.person.name}` }),
      h("img", { src: address(`people/${one.person.id}/thumbnail`), alt: "", loading: "lazy" }),
      h("small", {}, one.measured ? `similarity ${one.similarity.toFixed(2)}` : "Immich's guess, not measured")));
    return h("div", { class: "who" }, shownFace ? crop(item, shownFace) : null, h("ol", { "aria-label": "Suggested people" }, rows),
      rows.length && shownFace ? button(`Not ${suggested()[0].person.name}`, ruleOut, { key: "x", kind: "quiet" }) : null);
  }

  function copies() {
    const row = (name, mine, theirs) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, mine), h("td", {}, theirs));
    const other = item.other_copy;
    const size = (one) => (one.width && one.height ? `${one.width} × ${one.height}` : "unknown");
    return h("table", { class: "copies" }, h("thead", {}, h("tr", {}, h("td"), h("th", { scope: "col" }, "This photo"), h("th", { scope: "col" }, "The other copy"))),
      h("tbody", {}, row("Pixels", size(item), size(other)), row("Bytes", bytes(item.size), other.size ? bytes(other.size) : "unknown"),
        row("Taken", item.taken_at || "unknown", other.taken_at || "unknown"), row("Where", item.places[0] || "", other.path || words(other.place))));
  }

  function facts() {
    const pairs = [["Source", item.source], ["Arrived", when(item.created_at)], ["Size", bytes(item.size)], ["Taken", item.taken_at], ["Place", item.path], ["With it", item.companions.join(", ")]];
    return h("dl", {}, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, h("bdi", {}, value))]));
  }

  const frames = () => dialog("Frames", h("img", { class: "sheet", src: address(item.frames), alt: `The frames of ${item.filename}` }), [{ text: "Close", value: "", kind: "primary" }], { class: "wide" });

  async function why() {
    const found = await get(`photos/${item.id}/explain`);
    dialog("Why", h("div", { class: "why" }, h("p", {}, found.summary), found.seen.map((text) => h("p", {}, text)),
      h("ul", {}, found.rules.map((rule) => h("li", { class: rule.verdict }, rule.text))),
      found.changes.length ? [h("h3", {}, "What would change it"), h("ul", {}, found.changes.map((one) => h("li", {}, one.text)))] : null), [{ text: "Close", value: "", kind: "primary" }]);
  }

  // --- deciding ----------------------------------------------------------------------------

  /** Do something to the open photo, then show the next. One decision at a time: a key held down decides once. */
  async function decide(ask, says) {
    if (busy || !item || item.action !== "pending") return;
    busy = true;
    const about = item;
    try {
      const done = await ask(about);
      if (done.problem) throw new Error(done.problem);
      toast(says(done, about), { act: () => takeBack({ event: done.event }) });
      move(queue.remove(about.id));
    } catch (problem) {
      toast(problem.message, { bad: true });
      if (problem.status === 409 || problem.status === 404) await open(about.id).catch(() => {});
    } finally {
      busy = false;
    }
  }

  const chosenFace = () => (item.faces.length > 1 && meant() ? { face: meant().id } : {});
  const filed = (done, about) => `${about.filename} → ${done.destination || done.person}`;
  const act = (name, says) => decide((about) => post(`review/${about.id}/${name}`), (done, about) => `${about.filename} was ${says}.`);
  const file = (person) => decide((about) => post(`review/${about.id}/approve`, { person: asChoice(person), ...chosenFace() }), filed);

  const approveSure = () => (item && sure() ? approve(0) : pick());

  function approve(index) {
    const one = item && suggested()[index];
    return one ? file({ id: one.person.id }) : pick();
  }

  async function pick() {
    if (!item) return;
    const person = await pickPerson("File under");
    if (person) await file(person);
  }

  async function ruleOut() {
    const best = item && suggested()[0];
    if (!best || busy) return;
    busy = true;
    try {
      const done = await post(`review/${item.id}/rule-out`, { person: { id: best.person.id }, ...chosenFace() });
      toast(`${item.filename} does not show ${best.person.name}.`, { act: () => takeBack({ event: done.event }) });
      await open(item.id);
    } finally {
      busy = false;
    }
  }

  async function takeBack(what) {
    const done = await undo(what);
    await reload(done.decided[0]?.id ?? null);
  }

  // --- many at once ------------------------------------------------------------------------

  const chosenMarked = () => ({ ids: [...queue.marked.keys()] });

  async function everything() {
    const chosen = category || search ? filter() : { everything: true };
    const given = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value));
    const what = await dialog(`${queue.total.toLocaleString()} photos match`, h("p", {}, "Nothing happens before you have seen what it would do."),
      [{ text: "File as suggested", value: "approve" }, { text: "Reject", value: "reject", kind: "bad" }, { text: "Skip", value: "skip" }, { text: "Cancel", value: "" }]);
    if (what) await bulkDo(what, given);
  }

  async function bulkPerson() {
    const person = await pickPerson(`File ${queue.marked.size} photos under`);
    if (person) await bulkDo("approve", chosenMarked(), { person: asChoice(person) });
  }

  async function bulkDo(what, chosen, whom = null) {
    const foreseen = await post(`review/bulk/${what}`, { ...chosen, dry_run: true, ...(whom ? { approve: whom } : {}) });
    const going = foreseen.decided.filter((one) => one.action.startsWith("would_"));
    const places = new Map();
    for (const one of going) {
      const folder = (one.destination || "").split("/").slice(0, 2).join("/");
      places.set(folder, (places.get(folder) || 0) + 1);
    }
    const lines = [...places].sort((a, b) => b[1] - a[1]).slice(0, 12).map(([folder, count]) => h("li", {}, `${count.toLocaleString()} → ${folder || "the end of the queue"}`));
    const left = foreseen.excluded + foreseen.failed;
    const sure = await dialog(`${words(what)} ${going.length.toLocaleString()} photos?`, h("div", {}, h("ul", {}, lines),
      left ? h("p", {}, `${left.toLocaleString()} stay in the queue: ${Object.entries(foreseen.counts).map(([kind, count]) => `${count} ${words(kind)}`).join(", ") || foreseen.decided.find((one) => one.problem)?.problem}`) : null),
    [going.length && { text: "Do it", value: "yes", kind: what === "reject" ? "bad" : "primary" }, { text: "Cancel", value: "" }].filter(Boolean));
    if (sure !== "yes") return;
    const done = await post(`review/bulk/${what}`, { preview: foreseen.preview });
    toast(`${done.done.toLocaleString()} done${done.failed ? `, ${done.failed} failed` : ""}${done.changed.length ? `, ${done.changed.length} left alone because they have changed` : ""}.`, { act: done.event ? () => takeBack({ event: done.event }) : null });
    await reload();
  }

  // --- keys and news -----------------------------------------------------------------------

  function key(event) {
    if (event.key === "Escape") {
      if (event.target === field) { field.value = search = ""; field.blur(); reload(); } else root.classList.remove("open");
      return true;
    }
    if (event.repeat && !"jk".includes(event.key)) return true;
    const keys = { a: approveSure, r: () => act("reject", "rejected"), s: () => act("skip", "skipped"), P: pick, N: pick, x: ruleOut, u: () => takeBack({ last: true }), j: () => step(1), n: () => step(1), k: () => step(-1), p: () => step(-1),
      ArrowDown: () => step(1), ArrowUp: () => step(-1), ArrowRight: () => step(1), ArrowLeft: () => step(-1), w: () => item && why(), "/": () => field.focus(), m: () => { const one = queue.items[queue.index(queue.current)]; if (one) queue.mark(one); }, M: everything,
      o: () => { if (item?.faces.length) { face = (face % item.faces.length) + 1; draw(); } },
      f: () => { const names = [null, ...Object.keys(queue.counts).filter((name) => queue.counts[name])]; category = names[(names.indexOf(category) + 1) % names.length]; reload(); } };
    const does = keys[event.key] || (/^[1-9]$/.test(event.key) && item && suggested()[event.key - 1] ? () => approve(event.key - 1) : null);
    if (!does) return false;
    does();
    return true;
  }

  const refresh = later(async () => {
    if (busy || document.querySelector("dialog")) return;
    const newest = await get("review/queue", { ...filter(), limit: 20 });
    const fresh = newest.items.filter((one) => queue.index(one.id) < 0);
    queue.items.unshift(...fresh);
    queue.total = newest.total;
    queue.counts = newest.counts;
    queue.draw();
    drawHead();
    if (!item && queue.items.length) open(queue.items[0].id);
  }, 700);

  function heard(kind, data) {
    if (kind === "status" || !data.photo_id) return;
    if (["approved", "rejected", "sorted", "filed_as_adopted", "refiled"].includes(kind) && !busy && queue.index(data.photo_id) >= 0) {
      const next = queue.remove(data.photo_id);
      if (item?.id === data.photo_id) { toast(data.text || "Decided elsewhere."); move(next); }
    } else refresh();
  }

  const wanted = Number(location.hash.split("/")[1]);
  reload().then(() => wanted && open(wanted)).then(() => { if (wanted || matchMedia("(max-width: 899px)").matches) root.classList.add("open"); });
  return { key, keys: KEYS, heard };
}

/** Call a function once, some milliseconds after the last time it was asked for. */
function later(act, pause) {
  let timer = 0;
  return () => { clearTimeout(timer); timer = setTimeout(act, pause); };
}
