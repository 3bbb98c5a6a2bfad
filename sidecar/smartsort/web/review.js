/** The review: the queue, one photo large, and every decision about it. */

import { agree, told } from "./agree.js";
import { address, asked as given, get, post } from "./api.js";
import { button, bytes, dialog, digits, fail, h, name, often, redraw, sentence, toast, when, words } from "./dom.js";
import { asChoice, pickPerson } from "./picker.js";
import { crop, picture, portrait, preload } from "./picture.js";
import { Queue } from "./queue.js";
import { swipes } from "./swipe.js";
import { undo } from "./undo.js";

const KEYS = [["a", "File under the suggested person"], ["1-9", "File under that suggestion"], ["P", "Pick a person"], ["r", "Reject: to the trash, can be undone"],
  ["s", "Skip: to the end of the queue"], ["x", "Not this person"], ["u", "Undo the last decision"], ["j k", "Next or previous photo"], ["o", "Next face"],
  ["m", "Mark for a bulk action"], ["M", "All that match"], ["f", "Next category"], ["/", "Search"], ["w", "Why"], ["b", "Best next"]];

/** Time to see what came by itself, in ms. */
const UNSEEN = 400;

export function review(root) {
  let item = null;
  let face = 0;
  let drawn = 0;
  /** When smartsort was asked, 0 once it has answered. */
  let asked = 0;
  let opening = 0;
  /** When what is in sight was there. */
  let seen = 0;
  let category = null;
  let search = "";

  const queue = new Queue({ opened: (one) => { root.classList.add("open"); if (item?.id !== one.id) open(one.id); }, changed: () => drawHead() });
  const head = h("div.filters");
  const bulk = h("div.bulk", { role: "group", "aria-label": "Marked photos" });
  const field = h("input", { type: "search", placeholder: "Search", "aria-label": "Search names, people, sources and reasons", maxLength: 300 });
  let typing = 0;
  field.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(() => { search = field.value.trim(); reload(); }, 250); });
  const exported = h("a.quiet", { download: "review-queue.csv" }, "Export");
  const desk = h("section.desk", { "aria-label": "Photo" });
  const offer = h("button.offer.primary", { hidden: true, onclick: go });
  root.replaceChildren(offer, h("section.queue", { "aria-label": "Queue" }, h("div.tools", field, exported), head, bulk, queue.element), desk);

  let best;
  async function look() {
    [best] = await get("review/offers", {}, false).catch(() => []);
    offer.hidden = !best;
    redraw(offer, best && h("span", "Best next: ", sentence(best.text, best.names)));
    if (offer.isConnected) setTimeout(look, 3000);
  }
  function go() { if (best) location.hash = `faces/${best.id}`; }
  look();

  // --- the list

  const filter = () => ({ category, search });

  async function reload() {
    exported.href = address(`review/export${given({ ...filter(), format: "csv" })}`);
    try {
      if (!(await queue.load(filter()))) return;
    } catch (problem) {
      fail(problem, reload);
      return;
    }
    if (queue.items.length) await open(queue.items[0].id);
    else nothing();
  }

  function drawHead() {
    const all = Object.values(queue.counts).reduce((sum, one) => sum + one, 0);
    const chip = (only, text, count) => h("button", { "aria-pressed": String(category === only), onclick: () => { category = only; reload(); } }, text, h("small", digits(count)));
    redraw(head, chip(null, "All", all), ...Object.entries(queue.counts).filter(([, count]) => count).map(([one, count]) => chip(one, words(one), count)));
    const count = queue.marked.size;
    redraw(bulk, count ? [h("span", `${count} marked`), button("File…", bulkPerson), ...[["Suggested", "approve"], ["Reject", "reject"], ["Skip", "skip"]].map(([text, what]) => button(text, () => bulkDo(what))),
      button("None", () => { queue.marked.clear(); queue.draw(); drawHead(); }, { kind: "quiet" })] : [button(`All ${digits(queue.total)} that match…`, everything, { key: "M", kind: "quiet" })]);
    bulk.hidden = !queue.total;
  }

  function nothing() {
    opening += 1;
    item = null;
    desk.removeAttribute("aria-busy");
    queue.current = null;
    const narrowed = category || search;
    redraw(desk, h("div.empty", h("h2", narrowed ? "Nothing matches" : "Nothing waits"),
      h("p", narrowed ? "No photo in the queue matches this filter." : "smartsort has filed every photo, or you have."),
      narrowed ? button("Show all", () => { category = null; field.value = search = ""; reload(); }) : null));
  }

  // --- one photo

  /** Show a photo. One that comes by itself has to be seen before a key can be meant for it. */
  async function open(id, pause = 0) {
    const number = ++opening;
    queue.select(id);
    // Until the photo is there, nothing can be decided.
    if (!isMeant()) desk.setAttribute("aria-busy", "true");
    let found;
    try {
      found = await get(`review/items/${id}`);
    } catch (problem) {
      if (number !== opening) return;
      if (problem.status === 404 && queue.index(id) >= 0) return move(queue.remove(id));
      if (!item || problem.status === 404) {
        queue.select(item ? item.id : null);
        desk.removeAttribute("aria-busy");
      }
      fail(problem, () => open(id));
      return;
    }
    if (number !== opening) return;
    const before = item?.id === id && meant()?.id;
    item = found;
    face = (item.faces.find((one) => one.id === before) || item.faces.find((one) => one.suggestions.length) || item.faces[0])?.number || 0;
    desk.removeAttribute("aria-busy");
    draw();
    seen = performance.now() + pause;
    preload([1, 2, 3].map((by) => queue.beside(by)).filter(Boolean));
  }

  /** True while the photo in sight is selected, and waits. */
  const isMeant = () => Boolean(item) && item.id === queue.current && item.action === "pending";
  /** True also of the key or click that is at work. */
  const isSeen = () => isMeant() && (!(window.event?.timeStamp < seen) || toast("Look first: this has only just come."));
  const move = (next, pause) => (next ? open(next.id, pause) : nothing());
  /** Go on from a photo, unless another was opened meanwhile. */
  const goOn = (from) => { const next = queue.remove(from.id, { last: from.last }); if (queue.current === from.id) move(next); };
  const step = (by) => { const next = queue.beside(by); if (next) open(next.id); };
  const meant = () => item.faces.find((one) => one.number === face) || null;
  /** The suggestion that one key or tap files under. */
  const sure = () => { const [first] = suggested(); return first?.accepted ? first : null; };
  const suggested = () => { const own = meant()?.suggestions || []; return own.length ? own : item.suggestions; };

  function draw() {
    const shownFace = meant();
    const photo = picture(item, face, (number) => { face = number; draw(); });
    const best = sure();
    const decided = item.action !== "pending";
    swipes(photo, { right: best ? `✓ ${best.person.name}` : "Pick a person", left: best ? `Not ${best.person.name}` : "", up: "Skip" },
      { right: approveSure, left: ruleOut, up: skip });
    const about = () => desk.querySelector(".about");
    const down = drawn === item.id && about()?.scrollTop;
    const others = item.other_copy?.thumbnail ? h("figure.photo.other", h("img", { src: address(item.other_copy.thumbnail.replace(/thumbnail$/, "preview")), alt: "The other copy" })) : null;
    redraw(desk,
      h("div.stage", photo, others),
      h("div.about",
        h("nav.position", { "aria-label": "Photos" }, button("‹", () => step(-1), { kind: "quiet", label: "Previous photo", disabled: !queue.beside(-1) }),
          h("span", `${queue.index(item.id) < 0 ? "one" : digits(queue.index(item.id) + 1)} of ${digits(queue.total)}, ${words(item.category)}`),
          button("›", () => step(1), { kind: "quiet", label: "Next photo", disabled: !queue.beside(1) })),
        h("h2", name(item.filename)),
        h("p.reason", sentence(item.text, [item.filename, ...item.reasons.flatMap((one) => one.names)])),
        h("p", h("small", [bytes(item.size), item.taken_at && `taken ${day(item.taken_at)}`, `arrived ${when(item.created_at)}`].filter(Boolean).join(", "))),
        decided ? h("p.decided", `It was ${item.action}.`) : people(shownFace),
        item.other_copy ? copies() : null,
        shownFace && !decided ? verdicts() : null,
        h("details", h("summary", "Details"), facts()),
        item.frames ? button("Frames", frames, { kind: "quiet" }) : null,
        button("Why", why, { key: "w", kind: "quiet" })),
      h("div.actions", { role: "group", "aria-label": "Decide" },
        button("‹", () => root.classList.remove("open"), { kind: "quiet back", label: "Back to the list" }),
        button("Reject", reject, { key: "r", kind: "bad", disabled: decided }),
        button("Skip", skip, { key: "s", disabled: decided }),
        button("Person…", pick, { key: "P", kind: best ? "" : "primary", disabled: decided }),
        best ? button(best.person.name, approveSure, { key: "a", kind: "primary", label: `File under ${best.person.name}`, disabled: decided }) : null));
    about().scrollTop = down || 0;
    drawn = item.id;
  }

  function people(shownFace) {
    const rows = suggested().slice(0, 9).map((one, index) => h("li", button(one.person.name, () => approve(index), { key: String(index + 1), kind: "person", label: `File under ${one.person.name}` }),
      portrait(one.person),
      h("small", one.measured ? `similarity ${one.similarity.toFixed(2)}` : "Immich's guess, not measured")));
    return h("div.who", shownFace ? crop(item, shownFace) : null, h("ol", { "aria-label": "Suggested people" }, rows),
      rows.length && shownFace ? button(`Not ${suggested()[0].person.name}`, ruleOut, { key: "x", kind: "quiet" }) : null);
  }

  /** What can be said of the chosen face for good. */
  function verdicts() {
    return h("details", h("summary", item.faces.length > 1 ? `Face ${face} for good` : "This face for good"), h("div.buttons",
      button("Ignore", () => verdict("ignored", "is ignored")), button("Not a face", () => verdict("not_a_face", "is no face")), button("This is…", lock)));
  }

  async function lock() {
    const { id } = meant();
    const person = await pickPerson("Whose face is this, for certain?");
    if (person && item && meant()?.id === id) await verdict("locked", `is ${person.name}`, { person: asChoice(person) });
  }

  async function verdict(kind, says, whose = {}) {
    if (whose.person ? !isMeant() : !isSeen()) return;
    const [about, number, id] = [item, face, meant().id];
    await alone(async () => {
      const done = await post("strangers/mark", { faces: { [about.id]: [id] }, kind, ...whose });
      const [first] = done.decided;
      if (first?.problem) throw new Error(first.problem);
      tell(`Face ${number} of ${about.filename} ${says}.`, [about.filename, whose.person?.name], done.event || first.event);
      const now = await get(`review/items/${about.id}`);
      if (now.action !== "pending") goOn(about);
      else if (queue.current === about.id) await open(about.id);
    });
  }

  function copies() {
    const row = (name, mine, theirs) => h("tr", h("th", { scope: "row" }, name), h("td", mine), h("td", theirs));
    const other = item.other_copy;
    const size = (one) => (one.width && one.height ? `${one.width} × ${one.height}` : "unknown");
    return h("table.copies", h("thead", h("tr", h("td"), h("th", { scope: "col" }, "This photo"), h("th", { scope: "col" }, "The other copy"))),
      h("tbody", row("Pixels", size(item), size(other)), row("Bytes", bytes(item.size), other.size ? bytes(other.size) : "unknown"),
        row("Taken", time(item.taken_at), time(other.taken_at)), row("Where", item.places[0] || "", other.path || words(other.place))));
  }

  function facts() {
    const pairs = [["Source", item.source], ["Arrived", when(item.created_at)], ["Size", bytes(item.size)], ["Taken", item.taken_at && time(item.taken_at)], ["Place", item.path], ["With it", item.companions.join(", ")]];
    return h("dl", pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", name), h("dd", h("bdi", value))]));
  }

  const frames = () => dialog("Frames", h("img.sheet", { src: address(item.frames), alt: `The frames of ${item.filename}` }));

  async function why() {
    const about = item;
    const plain = (text) => sentence(text, [about.filename, ...about.suggestions.map((one) => one.person.name), ...about.reasons.flatMap((one) => one.names)]);
    const found = await get(`photos/${about.id}/explain`);
    if (about.id !== item?.id || document.querySelector("dialog[open]")) return;
    dialog("Why", h("div.why", h("p", plain(found.summary)), found.seen.map((text) => h("p", plain(text))),
      h("ul", found.rules.map((rule) => h(`li.${rule.verdict}`, plain(rule.text)))),
      found.changes.length ? [h("h3", "What would change it"), h("ul", found.changes.map((one) => h("li", plain(one.text))))] : null));
  }

  // --- deciding

  /** Do one thing at a time: a key held down decides once, and an undo never overtakes what it undoes. */
  async function alone(act) {
    if (asked) {
      if (performance.now() - asked > 1500) toast("smartsort has not answered yet. This did nothing.", { bad: true });
      return;
    }
    asked = performance.now();
    try {
      await act();
    } catch (problem) {
      fail(problem);
    } finally {
      asked = 0;
    }
  }

  /** Decide about a photo as it was in sight when that began, then show the next. */
  async function decide(about, ask, says) {
    if (about.id !== item?.id) return toast(`${about.filename} was decided meanwhile. This did nothing.`, { bad: true, names: [about.filename] });
    if (isMeant()) await alone(async () => {
      try {
        const done = await ask();
        if (done.problem) throw new Error(done.problem);
        tell(says(done), [about.filename, done.person], done.event);
        goOn({ id: about.id, last: done.action === "skipped" });
      } catch (problem) {
        fail(problem);
        // Without an answer it may have been done all the same.
        if ([0, 404, 409].includes(problem.status) && queue.current === about.id) await open(about.id);
      }
    });
  }

  const tell = (text, names, event) => toast(text, { names, act: event ? () => takeBack({ event }) : null });
  const chosenFace = () => (item.faces.length > 1 && meant() ? { face: meant().id } : {});

  function act(what, says) {
    const about = item;
    if (isSeen()) decide(about, () => post(`review/${about.id}/${what}`), () => `${about.filename} was ${says}.`);
  }

  function file(about, person, chosen) {
    return decide(about, () => post(`review/${about.id}/approve`, { person: asChoice(person), ...chosen }), (done) => `${about.filename} → ${done.destination || done.person}`);
  }

  const reject = () => act("reject", "rejected");
  const skip = () => act("skip", "skipped");
  const approveSure = () => (item && sure() ? approve(0) : pick());

  function approve(index) {
    const one = suggested()[index];
    return one ? isSeen() && file(item, { id: one.person.id }, chosenFace()) : pick();
  }

  async function pick() {
    if (!isSeen()) return;
    const [about, chosen] = [item, chosenFace()];
    const person = await pickPerson("File under");
    if (person) await file(about, person, chosen);
  }

  async function ruleOut() {
    const best = item && suggested()[0];
    if (!best || !isSeen()) return;
    const [about, chosen] = [item, chosenFace()];
    await alone(async () => {
      const done = await post(`review/${about.id}/rule-out`, { person: { id: best.person.id }, ...chosen });
      tell(`${about.filename} does not show ${best.person.name}.`, [about.filename, best.person.name], done.event);
      if (queue.current === about.id) await open(about.id);
    });
  }

  const takeBack = (what) => alone(async () => {
    const near = queue.current;
    const { decided } = await undo(what);
    if (decided.length > 1) return reload();
    await queue.refresh([near]);
    const back = decided.find((one) => !one.problem);
    if (back && desk.isConnected && queue.current === near) await open(back.id);
  });

  // --- many at once

  const marked = () => ({ ids: [...queue.marked.keys()] });

  async function everything() {
    const chosen = category || search ? filter() : { everything: true };
    const given = Object.fromEntries(Object.entries(chosen).filter(([, value]) => value));
    const what = await dialog(`${digits(queue.total)} photos match`, h("p", "Nothing happens before you have seen what it would do."),
      [["File as suggested", "approve"], ["Reject", "reject", "bad"], ["Skip", "skip"], ["Cancel"]]);
    if (what) await bulkDo(what, given);
  }

  async function bulkPerson() {
    const person = await pickPerson(`File ${queue.marked.size} photos under`);
    if (person) await bulkDo("approve", marked(), { person: asChoice(person) });
  }

  async function bulkDo(what, chosen = marked(), approve) {
    const done = await agree(`review/bulk/${what}`, { ...chosen, approve }, (count) => `${words(what)} ${digits(count)} photos?`, what === "reject" ? "bad" : "primary");
    if (!done) return;
    tell(told(done), [], done.event);
    await reload();
  }

  // --- keys and news

  function key(event) {
    if (event.key === "Escape") {
      if (event.target === field) { field.value = search = ""; field.blur(); reload(); } else root.classList.remove("open");
      return true;
    }
    if (event.repeat && !"jk".includes(event.key)) return true;
    const keys = { a: approveSure, r: reject, s: skip, P: pick, x: ruleOut, u: () => takeBack({ last: true }), b: go, j: () => step(1), k: () => step(-1), w: () => item && why(), "/": () => field.focus(), m: () => { const one = queue.beside(0); if (one) queue.mark(one); }, M: everything,
      o: () => { if (item?.faces.length) { face = (face % item.faces.length) + 1; draw(); } },
      f: () => { const names = [null, ...Object.keys(queue.counts).filter((name) => queue.counts[name])]; category = names[(names.indexOf(category) + 1) % names.length]; reload(); } };
    const same = { N: "P", n: "j", p: "k", ArrowDown: "j", ArrowUp: "k", ArrowRight: "j", ArrowLeft: "k" };
    const does = keys[same[event.key] || event.key] || (/^[1-9]$/.test(event.key) && item && suggested()[event.key - 1] ? () => approve(event.key - 1) : null);
    if (!does) return false;
    does();
    return true;
  }

  /** Photos heard of since the last look. */
  let heardOf = new Set();

  const refresh = often(async () => {
    if (asked || !desk.isConnected) return desk.isConnected && refresh();
    const ids = [...heardOf].filter((id) => queue.index(id) >= 0);
    heardOf = new Set();
    await queue.refresh(ids);
    if (queue.current === null && queue.items.length) await open(queue.items[0].id);
  }, 700);

  function heard(kind, data) {
    if (kind === "connected") {
      refresh();
      news("");
    }
    if (!data.photo_id) return;
    heardOf.add(data.photo_id);
    refresh();
    if (data.photo_id === item?.id) news(data.text);
  }

  /** Show the open photo as it is now. If someone else has decided, say so and go on. */
  async function news(text) {
    const about = item;
    if (!isMeant() || asked) return;
    const now = await get(`review/items/${about.id}`).catch(() => null);
    if (!now || item !== about || asked || !isMeant()) return;
    if (now.action !== "pending") {
      toast(text || `${now.filename} was ${now.action} meanwhile.`, { names: [now.filename, now.suggested_person] });
      move(queue.remove(now.id), UNSEEN);
    } else if (now.version !== about.version) await open(now.id, UNSEEN);
  }

  const wanted = Number(location.hash.split("/")[1]);
  reload().then(() => wanted && wanted !== item?.id && open(wanted)).then(() => { if (wanted || matchMedia("(max-width: 899px)").matches) root.classList.add("open"); });
  return { key, keys: KEYS, heard };
}

const time = (text) => (text ? new Date(text).toLocaleString() : "unknown");
const day = (text) => new Date(text).toLocaleDateString(undefined, { dateStyle: "medium" });
