/** What happens now, what happened, newest first, and taking it back. */

import { agree, told } from "./agree.js";
import { address, get } from "./api.js";
import { deletions } from "./deletions.js";
import { button, dialog, digits, h, name, redraw, sentence, toast, when, words } from "./dom.js";
import { undo } from "./undo.js";
import { image } from "./picture.js";

/** Events that are kept on the page while more happen. */
const KEPT = 500;

export function activity(root, app) {
  let cursor = null;
  let latest = 0;
  const now = h("p.now");
  const held = h("div");
  const list = h("ol.events");
  const more = button("Show more", load);
  root.replaceChildren(h("h1", "Activity"), held, now, list, more);
  const look = deletions(held);

  async function load() {
    const page = await get("events", { cursor, limit: 50 });
    cursor = page.next_cursor;
    list.append(...page.events.filter((one) => !document.getElementById(`event-${one.id}`)).map(row));
    more.hidden = cursor === null;
  }

  /** Read the list again. What happened meanwhile stays on top. */
  async function again(count = list.children.length) {
    const number = ++latest;
    const page = await get("events", { limit: Math.max(50, Math.min(count, KEPT)) });
    if (number !== latest) return;
    cursor = page.next_cursor;
    more.hidden = cursor === null;
    const newest = page.events[0]?.id || 0;
    redraw(list, [...list.children].filter((one) => one.id.slice(6) > newest), page.events.map(row));
  }

  function row(event) {
    return h(event.undone_by ? "li.undone" : "li", { id: `event-${event.id}` },
      event.photo_id ? h("button.look", { "aria-label": `History of ${event.filename}`, onclick: () => history(event) }, image(`photos/${event.photo_id}/thumbnail`)) : h("span.no-thumbnail"),
      h("span.what", h("span", text(event)), h("small", said(event))),
      event.undoable ? button("Undo", () => takeBack(event), { label: `Undo: ${event.text}` }) : null);
  }

  const text = (event) => sentence(event.text, [event.filename, event.data.person]);
  const said = (event) => [h("time", { dateTime: event.at, title: new Date(event.at).toLocaleString() }, when(event.at)), " by ", name(event.actor)];

  async function history(event) {
    const { events } = await get(`photos/${event.photo_id}/history`);
    dialog(name(event.filename), h("div", h("img.sheet", { src: address(`photos/${event.photo_id}/preview`), alt: `The photo ${event.filename}` }),
      h("ol.events", events.map((one) => h(one.undone_by ? "li.undone" : "li", h("span.what", h("span", text(one)), h("small", said(one))))))));
  }

  /** Take one photo's event back; of many photos, show first what that would do. */
  async function takeBack(event) {
    if (event.kind !== "bulk_action") await undo({ event: event.id });
    else {
      const done = await agree("undo", { event: event.id }, (count) => `Take back ${digits(count)} photos?`);
      if (done) toast(told(done), { bad: done.failed > 0 });
    }
    await again();
  }

  function draw(status) {
    const way = Object.entries(status.in_progress_by_state).filter(([, count]) => count).map(([state, count]) => `${digits(count)} ${words(state)}`);
    const wait = status.estimated_wait_seconds;
    now.textContent = [way.length ? `On their way: ${way.join(", ")}.` : "No photo is on its way.", wait === null ? "" : `A photo that you hand in now waits about ${wait < 90 ? `${Math.ceil(wait)} s` : `${Math.ceil(wait / 60)} min`}.`].join(" ");
    if (status.health_issues.some((one) => one.kind === "deletions") !== Boolean(held.firstChild)) look();
  }

  if (app.status) draw(app.status);
  again();
  return { heard: (kind, data) => {
    if (kind === "status") draw(data);
    if (kind === "connected") again();
    else if (list.children.length > KEPT) again(0);
    if (!data.id || document.getElementById(`event-${data.id}`)) return;
    document.getElementById(`event-${data.undoes}`)?.classList.add("undone");
    list.prepend(row(data));
  } };
}
