/** The list of what waits: rows in sight are drawn, and pages are read as they are needed. */

import { address, get } from "./api.js";
import { h, name, redraw, words } from "./dom.js";

const ROW = 64;
const PAGE = 200;
/** So many rows are read again around news. */
const FEW = 50;
/** The most that one answer holds. */
const MOST = 500;

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
    /** The cursor of the next page; null at the end of the queue. */
    this.cursor = null;
    this.reading = null;
    this.inner = h("div.rows");
    this.element = h("div.list", { role: "list", "aria-label": "Photos that wait" }, this.inner);
    this.element.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Read the queue from its beginning. Gives false if another filter came meanwhile. */
  async load(filter = this.filter) {
    this.filter = filter;
    const page = await this.read(null, PAGE);
    if (filter !== this.filter) return false;
    this.marked.clear();
    this.items = [];
    this.take(0, page);
    this.element.scrollTop = 0;
    return true;
  }

  read(cursor, limit) {
    return get("review/queue", { ...this.filter, cursor, limit });
  }

  /** Read the next page, unless the queue is at its end. */
  async more(limit = PAGE) {
    if (this.reading || this.cursor === null) return;
    const { filter, cursor } = this;
    this.reading = this.read(cursor, limit).finally(() => { this.reading = null; });
    const page = await this.reading;
    if (filter === this.filter && cursor === this.cursor) this.take(this.items.length, page);
  }

  /** Read again what stands around these photos, and what is new. */
  async refresh(ids = []) {
    const ends = new Map([[0, 0]]);
    for (const at of ids.map((id) => this.index(id)).sort((one, other) => one - other)) ends.set(this.start(at), at);
    // After much has changed only the beginning is read, the rest as it comes into sight.
    if (ends.size > 5) return this.again(0, PAGE, true);
    for (const [start, end] of [...ends].reverse()) if (!(await this.again(start, end - start + FEW))) return;
    // What was skipped stands last now.
    if (this.cursor === null && this.items.length < this.total) await this.again(this.start(this.items.length), PAGE);
  }

  /** Read a page again. Gives false if the list has changed: the page may belong elsewhere. */
  async again(start, limit, alone = false) {
    const { filter, items } = this;
    const page = await this.read(start ? items[start - 1].next : null, Math.min(limit, MOST));
    if (filter !== this.filter || items !== this.items) return false;
    if (alone) this.items = [];
    this.take(start, page);
    return true;
  }

  /** The place at or before `at` from which a page can be read again. */
  start(at) {
    for (; at > 0; at--) if (this.items[at - 1].next) return at;
    return 0;
  }

  /** Put a page in place of what stood there: what the page does not hold has left, or stands elsewhere now. */
  take(start, page) {
    const { scrollTop } = this.element;
    const top = this.items[Math.floor(scrollTop / ROW)];
    const rows = page.items.map(({ id, category, filename, suggested_person, thumbnail }) => ({ id, category, filename, suggested_person, thumbnail, next: null }));
    const known = new Set(rows.map((row) => row.id));
    let end = start;
    this.items.forEach((item, at) => { if (at >= start && known.has(item.id)) end = at + 1; });
    if (page.next_cursor === null || (end === start && this.items.length > start)) end = this.items.length;
    if (rows.length) rows.at(-1).next = page.next_cursor;
    const after = this.items.slice(end);
    // A page reaches as far as it did, or further: its end is where the next one begins.
    if (!after.length) this.cursor = page.next_cursor;
    this.items = [...this.items.slice(0, start), ...rows, ...after].filter(once());
    this.total = page.total;
    this.counts = page.counts;
    const moved = top ? this.index(top.id) * ROW - Math.floor(scrollTop / ROW) * ROW : 0;
    this.draw();
    if (start === 0 && scrollTop > 0 && moved > 0) this.element.scrollTop = scrollTop + moved;
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

  /** Take an item out of the list, or put it last. Gives the one that takes its place. */
  remove(id, { last = false } = {}) {
    const at = this.index(id);
    if (at < 0) return this.items[0] || null;
    const [gone] = this.items.splice(at, 1);
    if (at && gone.next) this.items[at - 1].next = gone.next;
    this.items = [...this.items];
    if (!last) this.total = Math.max(0, this.total - 1);
    if (!last && this.counts[gone.category]) this.counts[gone.category] -= 1;
    if (last && this.cursor === null) this.items.push({ ...gone, next: null });
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
    const last = Math.ceil((scrollTop + clientHeight) / ROW) + 5;
    this.inner.style.height = `${Math.max(this.items.length, this.cursor === null ? 0 : this.total) * ROW}px`;
    redraw(this.inner, this.items.slice(first, last).map((item, index) => this.row(item, first + index)));
    if (last >= this.items.length) this.more(last - this.items.length > PAGE ? MOST : PAGE);
  }

  row(item, at) {
    const marked = this.marked.has(item.id);
    const open = h("button.open-photo", { id: `open-${item.id}`, "aria-current": String(item.id === this.current), onclick: () => this.opened(item) },
      h("img", { src: address(item.thumbnail), alt: "", loading: "lazy", draggable: false }),
      h("span.what", name(item.filename), h("small", { dir: "auto" }, item.suggested_person || words(item.category))));
    const mark = h("label.tick", h("input", { type: "checkbox", id: `mark-${item.id}`, checked: marked, "aria-label": `Mark ${item.filename}`, onclick: () => this.mark(item) }));
    const row = h(marked ? "div.row.marked" : "div.row", { role: "listitem", id: `row-${item.id}` }, open, mark);
    row.style.top = `${at * ROW}px`;
    return row;
  }
}

/** A filter that lets each photo through once. */
function once() {
  const seen = new Set();
  return ({ id }) => !seen.has(id) && seen.add(id);
}
