/** What happened, newest first, and taking it back. */

import { address, get } from "./api.js";
import { button, h, when } from "./dom.js";
import { undo } from "./undo.js";

export function activity(root) {
  let cursor = null;
  const list = h("ol", { class: "events" });
  const more = button("Show more", load);
  root.replaceChildren(h("h1", {}, "Activity"), list, more);

  async function load() {
    const page = await get("events", { cursor, limit: 50 });
    cursor = page.next_cursor;
    list.append(...page.events.map(row));
    more.hidden = cursor === null;
  }

  function row(event) {
    return h("li", { id: `event-${event.id}`, class: event.undone_by ? "undone" : "" },
      event.photo_id ? h("img", { src: address(`photos/${event.photo_id}/thumbnail`), alt: "", loading: "lazy" }) : h("span", { class: "no-thumbnail" }),
      h("span", { class: "what" }, h("bdi", {}, event.text), h("small", {}, h("time", { dateTime: event.at, title: new Date(event.at).toLocaleString() }, when(event.at)), ` by ${event.actor}`)),
      event.undoable ? button("Undo", () => takeBack(event), { label: `Undo: ${event.text}` }) : null);
  }

  async function takeBack(event) {
    await undo({ event: event.id });
    list.replaceChildren();
    cursor = null;
    await load();
  }

  load();
  return { heard: (kind, data) => {
    if (kind === "status" || document.getElementById(`event-${data.id}`)) return;
    document.getElementById(`event-${data.undoes}`)?.classList.add("undone");
    list.prepend(row(data));
  } };
}
