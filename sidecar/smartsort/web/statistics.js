/** How well it goes. */

import { get } from "./api.js";
import { digits, h, name, often, s, words } from "./dom.js";

const AGES = { hour: "at most an hour", day: "at most a day", week: "at most a week", older: "longer" };
const SPANS = [[1, "Today"], [7, "Week"], [30, "Month"], [365, "Year"]];

export function statistics(root) {
  let days = 30;
  let latest = 0;
  const body = h("div");
  const choose = (span) => { days = field.value = span; load(); };
  const field = h("input", { type: "number", id: "days", min: 1, max: 3660, onchange: () => field.reportValidity() && choose(Number(field.value)) });
  const spans = SPANS.map(([span, text]) => h("button", { onclick: () => choose(span) }, text));
  const chips = h("div.filters", { role: "group", "aria-label": "Days" }, spans, h("label.days-field", field, "days"));
  root.replaceChildren(h("h1", "Statistics"), chips, body);

  async function load() {
    const number = ++latest;
    // The field stays: a number may be half typed in it when news come.
    SPANS.forEach(([span], at) => spans[at].setAttribute("aria-pressed", String(span === days)));
    const found = await get("stats/summary", { days });
    if (number === latest) draw(found);
  }

  function draw(found) {
    body.replaceChildren(
      h("ul.goals", found.metrics.map((one) => h(`li.${one.met === null ? "open" : one.met ? "met" : "missed"}`,
        h("strong", one.value === null ? "not known yet" : digits(one.value) + (one.target.includes("%") ? " %" : "")), h("span", words(one.name)), h("small", `goal ${one.target}`)))),
      h("h2", "By day"), chart(found.by_day),
      table("Filed under", found.by_person), table("In review", found.by_category, words), table("Waiting for", found.queue_age, (age) => AGES[age]), table("Accepted from", found.by_source),
      h("p", checked(found)),
      h("p", `${digits(found.accepted)} accepted, ${digits(found.duplicates)} duplicates, ${digits(found.approved)} approved, ${digits(found.rejected)} rejected, ${digits(found.wrong)} corrected.`));
  }

  const news = often(load, 1500);
  choose(days);
  return { heard: (kind, data) => (kind === "connected" || data.photo_id) && news(), keys: [["t w y", "Today, week, year"]],
    key: (event) => { const span = { t: 1, w: 7, m: 30, y: 365 }[event.key]; if (!span) return false; choose(span); return true; } };
}

/** What is known of it. */
const checked = ({ spot_checks: checks, photos_per_decision: each, decisions, photos_per_key_press: key }) => [
  checks?.checked && `${checks.wrong} of ${checks.checked} checked filings were wrong: ${checks.low} % to ${checks.high} % of all.`,
  each && `Left review: ${each} photos a decision (${digits(decisions)})${key ? `, ${key} a key press` : ""}.`].filter(Boolean).join(" ");

/** Bars of photos, a day each. */
function chart(days) {
  if (!days.length) return h("p", "No photo arrived in these days.");
  const most = Math.max(1, ...days.map((day) => day.sorted + day.reviewed));
  const width = 100 / days.length;
  const bars = days.flatMap((day, index) => {
    const filed = (100 * day.sorted) / most;
    const waiting = (100 * day.reviewed) / most;
    const bar = (from, height, kind) => s("rect", { x: index * width + width * 0.1, width: width * 0.8, y: 100 - from - height, height, class: kind });
    return [s("g", {}, s("title", {}, `${day.day}: ${day.sorted} filed, ${day.reviewed} in review`), bar(0, filed, "filed"), bar(filed, waiting, "waiting"))];
  });
  const picture = s("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", class: "chart", role: "img", "aria-label": `Photos by day, at most ${most} a day` }, bars);
  return h("figure.days", picture, h("figcaption", h("span", days[0].day), h("span.filed", "filed"), h("span.waiting", "in review"), h("span", days.at(-1).day)));
}

function table(title, counts, says = (text) => text) {
  const rows = Object.entries(counts).filter(([, count]) => count).sort((a, b) => b[1] - a[1]);
  if (!rows.length) return "";
  const most = rows[0][1];
  return h("section", h("h2", title), h("table.bars", h("tbody", rows.map(([row, count]) => {
    const bar = h("span.bar");
    bar.style.width = `${(100 * count) / most}%`;
    return h("tr", h("th", { scope: "row" }, name(says(row))), h("td", bar, h("span", digits(count))));
  }))));
}
