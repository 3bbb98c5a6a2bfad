/** Doing something to many photos: first what it would do, then exactly that. */

import { post } from "./api.js";
import { dialog, digits, h, name, words } from "./dom.js";

const SHOWN = 12;

/**
 * Show what a request would do, and send it after a yes. `question` gets the number of photos.
 * Gives what was done, or null when the answer is no.
 */
export async function agree(path, body, question, kind = "primary") {
  const would = await post(path, { ...body, dry_run: true });
  const going = would.decided.filter((one) => one.action.startsWith("would_"));
  const said = [...lines(going, (one) => (one.stays ? "go on waiting" : `→ ${folder(one)}`)), ...lines(would.decided.filter((one) => one.problem), (one) => `stay: ${one.problem.replace(`photo ${one.id} `, "")}`)];
  const left = would.excluded ? `${digits(would.excluded)} are left out: ${Object.entries(would.counts).map(([each, count]) => `${count} ${words(each)}`).join(", ")}.` : "";
  const sure = await dialog(question(going.length), h("div", h("ul", said), left && h("p", left)),
    [would.excluded && [`Include ${digits(would.excluded)}`, "include"], going.length && ["Do it", "yes", kind], ["Cancel"]].filter(Boolean));
  if (sure === "include") return agree(path, { ...body, include: Object.keys(would.counts) }, question, kind);
  return sure === "yes" ? post(path, { preview: would.preview }) : null;
}

/** How many photos go which way, most first. */
function lines(decided, way) {
  const counts = new Map();
  for (const one of decided) counts.set(way(one), (counts.get(way(one)) || 0) + 1);
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  const rest = sorted.slice(SHOWN).reduce((sum, [, count]) => sum + count, 0);
  return [...sorted.slice(0, SHOWN).map(([text, count]) => h("li", `${digits(count)} `, name(text))), rest ? h("li", `${digits(rest)} elsewhere`) : null].filter(Boolean);
}

const folder = (one) => (one.destination || "").split("/").slice(0, 2).join("/") || "the end of the queue";

/** What was done, in words. */
export function told(done) {
  const failed = done.decided.find((one) => one.problem);
  return `${digits(done.done)} done${done.failed ? `, ${done.failed} failed: ${failed?.problem}` : ""}${done.changed?.length ? `, ${done.changed.length} left alone because they have changed` : ""}.`;
}
