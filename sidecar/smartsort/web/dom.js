/** Elements without a framework. Text is always set as text, so that no name of a file becomes markup. */

/**
 * Make an element: `p.note` is a `<p>` of the class `note`. Keys with `on` are listeners, `class` and names with a dash attributes, the others
 * properties; they may be left out. Children are nodes, texts or lists of them, without null and false.
 */
export function h(tag, props = {}, ...children) {
  if (props?.constructor !== Object) return h(tag, {}, props, ...children);
  const [kind, ...classes] = tag.split(".");
  const made = document.createElement(kind);
  made.classList.add(...classes);
  if (kind === "button") made.type = "button";
  for (const [name, value] of Object.entries(props)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name.includes("-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat(Infinity).filter((one) => one != null && one !== false));
  return made;
}

/** Make an SVG element with attributes. */
export function s(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.flat(Infinity));
  return made;
}

/** A button with a text and, if there is one, the key that does the same. It does one thing at a time. */
export function button(text, act, { key = "", kind = "", label = "", ...more } = {}) {
  let busy = false;
  const once = async () => {
    if (busy) return;
    busy = true;
    try { await act(); } finally { busy = false; }
  };
  return h("button", { class: kind, onclick: once, "aria-label": label || null, "aria-keyshortcuts": key || null, ...more },
    h("span", { dir: "auto" }, text), key && h("kbd", { "aria-hidden": "true" }, key));
}

/** A time as people say it. */
export function when(text) {
  const at = new Date(text);
  const minutes = Math.round((Date.now() - at) / 60000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 1440) return `${Math.round(minutes / 60)} h ago`;
  return at.toLocaleDateString(undefined, { dateStyle: "medium" });
}

/** A size in bytes as people say it. */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let at = 0;
  for (; count >= 1000 && at < units.length - 1; at++) count /= 1000;
  return `${count.toFixed(count < 10 && at ? 1 : 0)} ${units[at]}`;
}

/** A number as people read it. */
export const digits = (number) => number.toLocaleString();

/** A word of the API as people read it: `low_confidence` is "low confidence". */
export const words = (code) => code.replaceAll("_", " ");

/** A name beside other text: it may be written from right to left. */
export const name = (text) => h("bdi", text);

/** Characters that turn the text after them around, as far as it goes. */
const TURNS = /[\u202a-\u202e\u2066-\u2069]/g;

/** A sentence of the API, in which each of these names stands by itself, whichever way it is written. */
export function sentence(text, names = []) {
  const [first, ...rest] = names.filter(Boolean);
  if (!first) return [text.replace(TURNS, "")];
  return text.split(first).flatMap((part, at) => [at ? name(first) : null, ...sentence(part, rest)]);
}

/** Show a message for some seconds, with a button if there is something to do. `names` are those in it. */
export function toast(text, { act = null, does = "Undo", bad = false, names = [] } = {}) {
  const shown = h(bad ? "div.toast.bad" : "div.toast", h("span", sentence(text, names)));
  const close = () => shown.remove();
  if (act) shown.append(button(does, () => { close(); act(); }));
  const place = document.getElementById("toasts");
  place.append(shown);
  while (place.children.length > 3) place.firstElementChild.remove();
  // Not from under the hand that reaches for it.
  setTimeout(function gone() { shown.matches(":hover, :focus-within") ? setTimeout(gone, 1000) : close(); }, bad ? 12000 : 8000);
}

/** Say what went wrong, with a button to try again if that is possible. */
export const fail = (problem, act) => toast(problem?.message || String(problem), { bad: true, act, does: "Try again" });

let dialogs = 0;

/** Show a dialog and wait until it is closed; its value is that of the button: `[text, value, class]`. */
export function dialog(title, body, actions = [["Close", "", "primary"]]) {
  const heading = h("h2", { id: `dialog-${++dialogs}` }, title);
  const shown = h("dialog", { "aria-labelledby": heading.id }, heading, body,
    h("menu", actions.map(([text, value, kind]) => button(text, () => shown.close(value || ""), { kind }))));
  return modal(shown);
}

/** Show a `<dialog>` until it is closed. The focus goes back to where it was, or to what took its place. */
export function modal(shown) {
  const back = focused();
  return new Promise((resolve) => {
    shown.addEventListener("close", () => { shown.remove(); back(); resolve(shown.returnValue); });
    shown.addEventListener("click", (event) => { if (event.target === shown) shown.close(""); });
    document.body.append(shown);
    shown.showModal();
  });
}

/**
 * Draw something again: the focus stays on the element that says the same, and what was unfolded stays open.
 * Equal ids and buttons stay: a click may be under way.
 */
export function redraw(place, ...children) {
  const back = place.contains(document.activeElement) ? focused() : null;
  const title = (one) => one.id || one.firstChild.textContent;
  const open = [...place.querySelectorAll("details[open]")].map(title);
  const before = [...place.children];
  const now = children.flat(Infinity).filter(Boolean).map((one) => (one.matches("[id],button,span") && before.find((was) => was.id === one.id && was.isEqualNode(one))) || one);
  for (const one of before) if (!now.includes(one)) one.remove();
  now.forEach((one, at) => one === place.children[at] || place.insertBefore(one, place.children[at] || null));
  for (const one of place.querySelectorAll("details")) one.open ||= open.includes(title(one));
  back?.();
}

/** Call a function at most once in so many milliseconds. */
export function often(act, pause) {
  let timer = 0;
  return () => { timer ||= setTimeout(() => { timer = 0; act(); }, pause); };
}

/** Remember what has the focus. Gives a function that focuses it again, if nothing else has it by then. */
function focused() {
  const before = document.activeElement;
  const said = (one) => one.id || one.getAttribute("aria-label") || one.textContent;
  const name = before && before !== document.body ? said(before) : "";
  return () => {
    if (document.activeElement !== document.body || !name) return;
    const again = before.isConnected ? before : [...document.querySelectorAll(before.tagName)].find((one) => said(one) === name);
    (again || document.getElementById("main"))?.focus({ preventScroll: true });
  };
}
