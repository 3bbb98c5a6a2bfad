/** The page: signing in, the areas, keys, and what comes live. */

import { listen, session, signIn, signOut } from "./api.js";
import { button, dialog, h, toast } from "./dom.js";
import { activity } from "./activity.js";
import { faces } from "./faces.js";
import { health } from "./health.js";
import { people } from "./people.js";
import { review } from "./review.js";
import { settings } from "./settings.js";
import { statistics } from "./statistics.js";

const AREAS = { review: ["Review", review], faces: ["Faces", faces], statistics: ["Statistics", statistics], activity: ["Activity", activity], people: ["People", people], settings: ["Settings", settings], health: ["Health", health] };

const place = document.getElementById("app");
let shown = null;
let listening = null;

async function start() {
  const link = new URLSearchParams(location.hash.slice(1)).get("link");
  if (link) {
    history.replaceState(null, "", "#review");
    try {
      return open(await signIn({ link }));
    } catch (problem) {
      const known = await session().catch(() => null);
      return known ? open(known) : askForToken(problem.message);
    }
  }
  try {
    const known = await session();
    return known ? open(known) : askForToken();
  } catch (problem) {
    place.replaceChildren(h("main", { class: "sign-in" }, h("p", {}, problem.message), button("Try again", start)));
  }
}

function askForToken(note = "Give a token of smartsort. The one in `api-token` below the root may do everything.") {
  listening?.abort();
  shown?.close?.();
  shown = null;
  const field = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  const said = h("p", { role: "alert" }, note);
  const form = h("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      open(await signIn({ token: field.value }));
    } catch (problem) {
      said.textContent = problem.message;
      field.select();
    }
  } }, h("h1", {}, "smartsort"), said, h("label", { for: "token" }, "Token"), field, h("button", { class: "primary" }, "Sign in"));
  place.replaceChildren(h("main", { class: "sign-in" }, form));
  field.focus();
}

function open(who) {
  const tabs = h("nav", { "aria-label": "Areas" }, Object.entries(AREAS).map(([name, [title]]) => h("a", { href: `#${name}`, id: `tab-${name}` }, title)));
  const light = h("span", { id: "state", role: "status" });
  const menu = button("⋯", () => account(who), { label: `Account of ${who.name}`, kind: "quiet" });
  const main = h("main", { id: "main", tabIndex: -1 });
  place.replaceChildren(h("a", { href: "#main", class: "skip", onclick: (event) => { event.preventDefault(); main.focus(); } }, "To the content"),
    h("header", {}, h("span", { class: "brand" }, "smartsort"), tabs, light, menu), main);
  const app = { who, may: (scope) => ["intake", "review", "admin"].indexOf(scope) <= Math.max(...who.scopes.map((one) => ["intake", "review", "admin"].indexOf(one))) };
  const turn = () => {
    const name = location.hash.slice(1).split("/")[0];
    const area = AREAS[name] ? name : "review";
    shown?.close?.();
    for (const tab of tabs.children) {
      if (tab.id === `tab-${area}`) {
        tab.setAttribute("aria-current", "page");
        tab.scrollIntoView({ block: "nearest", inline: "center" });
      }
      if (tab.id !== `tab-${area}`) tab.removeAttribute("aria-current");
    }
    document.title = `${AREAS[area][0]} - smartsort`;
    main.replaceChildren();
    main.className = area;
    shown = AREAS[area][1](main, app) || {};
  };
  onhashchange = turn;
  turn();
  listening?.abort();
  listening = new AbortController();
  listen((kind, data) => {
    if (kind === "status") showState(light, tabs, data);
    shown?.heard?.(kind, data);
  }, listening.signal);
}

function showState(light, tabs, status) {
  const bad = status.health_issues.filter((issue) => issue.severity === "problem");
  const word = !status.enabled ? "off" : bad.length ? "problem" : "on";
  light.className = word;
  light.textContent = { off: "Sorting is off", problem: bad[0]?.message || "", on: "" }[word];
  light.title = light.textContent;
  tabs.querySelector("#tab-review").textContent = status.in_review ? `Review (${status.in_review.toLocaleString()})` : "Review";
}

async function account(who) {
  const chosen = await dialog(`Signed in as ${who.name}`, h("p", {}, `This browser may: ${who.scopes.join(", ")}.`),
    [{ text: "Keys", value: "keys" }, { text: "Sign out", value: "out" }, { text: "Close", value: "" }]);
  if (chosen === "out") {
    await signOut().catch((problem) => toast(problem.message, { bad: true }));
    askForToken("You are signed out.");
  } else if (chosen === "keys") keys();
}

function keys() {
  const listed = shown?.keys || [];
  const rows = [...listed, ["[ ]", "Previous or next area"], ["?", "These keys"]].map(([key, text]) => h("tr", {}, h("td", {}, h("kbd", {}, key)), h("td", {}, text)));
  dialog("Keys", h("table", { class: "keys" }, h("tbody", {}, rows)), [{ text: "Close", value: "", kind: "primary" }]);
}

addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
  const names = Object.keys(AREAS);
  const at = names.findIndex((name) => document.getElementById(`tab-${name}`)?.hasAttribute("aria-current"));
  if (event.key === "?") keys();
  else if ("[]".includes(event.key) && at >= 0) location.hash = names[(at + (event.key === "]" ? 1 : names.length - 1)) % names.length];
  else if (!shown?.key?.(event)) return;
  event.preventDefault();
});
addEventListener("signed-out", () => askForToken("Your session is over. Sign in again."));
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  toast(event.reason?.message || String(event.reason), { bad: true });
});

start();
