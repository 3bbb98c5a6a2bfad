/** The list of what waits: only rows that can be seen are drawn, and pages are read as they are needed. */

import { address, get } from "./api.js";
import { h, words } from "./dom.js";

const ROW = 64;
const PAGE = 200;

export class Queue {
  /** `opened` is called with an item that was clicked, `changed` when what is loaded or marked has changed. */
  constructor({ opened, changed }) {
    this.items = [];
    this.total = 0;
    this.counts = {};
    this.marked = new Map();
    this.current = null;
    this.filter = {};
    this.opened = opened;
    this.changed = changed;
    this.cursor = null;
    this.reading = null;
    this.inner = h("div", { class: "rows" });
    this.element = h("div", { class: "list", role: "list", "aria-label": "Photos that wait" }, this.inner);
    this.element.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Read the queue from its beginning. */
  async load(filter = this.filter) {
    this.filter = filter;
    this.cursor = null;
    this.items = [];
    this.marked.clear();
    this.reading = null;
    await this.more();
  }

  /** Read the next page, unless the queue is at its end. */
  async more() {
    if (this.reading) return this.reading;
    if (this.items.length && this.cursor === null) return;
    const filter = this.filter;
    this.reading = get("review/queue", { ...filter, cursor: this.cursor, limit: PAGE }).then((page) => {
      if (filter !== this.filter) return;
      const known = new Set(this.items.map((item) => item.id));
      this.items.push(...page.items.filter((item) => !known.has(item.id)));
      this.cursor = page.next_cursor;
      this.total = page.total;
      this.counts = page.counts;
    }).finally(() => { this.reading = null; });
    await this.reading;
    this.draw();
    this.changed();
  }

  index(id) {
    return this.items.findIndex((item) => item.id === id);
  }

  /** The item so many places after the current one, null at an end. */
  beside(step) {
    const at = this.current === null ? -1 : this.index(this.current);
    return this.items[at + step] || null;
  }

  /** Take an item out of the list. Gives the one that takes its place. */
  remove(id) {
    const at = this.index(id);
    if (at < 0) return null;
    const [gone] = this.items.splice(at, 1);
    this.total = Math.max(0, this.total - 1);
    if (this.counts[gone.category]) this.counts[gone.category] -= 1;
    this.marked.delete(id);
    if (this.items.length - at < PAGE / 2) this.more();
    this.draw();
    this.changed();
    return this.items[at] || this.items[at - 1] || null;
  }

  /** Show which item is open, and bring it into sight. */
  select(id) {
    this.current = id;
    const at = this.index(id);
    if (at >= 0) {
      const { scrollTop, clientHeight } = this.element;
      if (at * ROW < scrollTop) this.element.scrollTop = at * ROW;
      else if ((at + 1) * ROW > scrollTop + clientHeight) this.element.scrollTop = (at + 1) * ROW - clientHeight;
    }
    this.draw();
    if (this.items.length - at < PAGE / 2) this.more();
  }

  mark(item) {
    if (this.marked.has(item.id)) this.marked.delete(item.id);
    else this.marked.set(item.id, item);
    this.draw();
    this.changed();
  }

  draw() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - 5);
    const last = Math.min(this.items.length, Math.ceil((scrollTop + clientHeight) / ROW) + 5);
    this.inner.style.height = `${Math.max(this.items.length, this.cursor === null ? 0 : this.total) * ROW}px`;
    this.inner.replaceChildren(...this.items.slice(first, last).map((item, index) => this.row(item, first + index)));
    if (last >= this.items.length && this.cursor !== null) this.more();
  }

  row(item, at) {
    const marked = this.marked.has(item.id);
    const open = h("button", { type: "button", class: "open-photo", "aria-current": String(item.id === this.current), onclick: () => this.opened(item) },
      h("img", { src: address(item.thumbnail), alt: "", loading: "lazy", draggable: false }),
      h("span", { class: "what" }, h("bdi", {}, item.filename), h("small", {}, item.suggested_person || words(item.category))));
    const mark = h("input", { type: "checkbox", checked: marked, "aria-label": `Mark ${item.filename}`, onclick: () => this.mark(item) });
    const row = h("div", { class: marked ? "row marked" : "row", role: "listitem", id: `row-${item.id}` }, open, mark);
    row.style.top = `${at * ROW}px`;
    return row;
  }
}
