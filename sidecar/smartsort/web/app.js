/** The page: signing in, the areas, keys, and what comes live. */

import { listen, session, signIn, signOut } from "./api.js";
import { button, dialog, digits, h, modal, fail } from "./dom.js";
import { activity } from "./activity.js";
import { faces } from "./faces.js";
import { health } from "./health.js";
import { people } from "./people.js";
import { review } from "./review.js";
import { settings } from "./settings.js";
import { statistics } from "./statistics.js";

const AREAS = { review: ["Review", review], faces: ["Faces", faces], statistics: ["Statistics", statistics], activity: ["Activity", activity], people: ["People", people], settings: ["Settings", settings], health: ["Health", health] };
const LEVELS = ["intake", "review", "admin"];

const place = document.getElementById("app");
let shown = null;
let listening = null;
let who = null;

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
    place.replaceChildren(h("main.sign-in", h("p", problem.message), button("Try again", start)));
  }
}

/** The form that asks for a token. `done` gets who has signed in. */
function tokenForm(note, done) {
  const field = h("input", { id: "token", type: "password", autocomplete: "current-password", required: true });
  const said = h("p", { role: "alert" }, note);
  return h("form", { onsubmit: async (event) => {
    event.preventDefault();
    try {
      done(await signIn({ token: field.value }));
    } catch (problem) {
      said.textContent = problem.message;
      field.select();
    }
  } }, h("h1", { id: "sign-in" }, "smartsort"), said, h("label", { for: "token" }, "Token"), field, h("button.primary", { type: "submit" }, "Sign in"));
}

function askForToken(note = "Give a token of smartsort. The one in `api-token` below the root may do everything.") {
  listening?.abort();
  shown?.close?.();
  shown = onhashchange = null;
  place.replaceChildren(h("main.sign-in", tokenForm(note, open)));
  document.getElementById("token").focus();
}

/** Ask for a token over what is shown, so that nothing that was typed is lost. */
async function askAgain({ done, refused }) {
  const before = who;
  let signedIn = null;
  const shown = h("dialog.sign-in", { "aria-labelledby": "sign-in" }, tokenForm("Your session is over. Sign in, and smartsort does what you asked for. What you typed is still here.", (one) => { signedIn = one; shown.close(); }));
  await modal(shown);
  if (!signedIn) refused(new Error("Your session is over. smartsort did nothing."));
  else if (signedIn.name !== before.name) location.reload();
  else done();
}

function open(one) {
  who = one;
  const tabs = h("nav", { "aria-label": "Areas" }, Object.entries(AREAS).map(([name, [title]]) => h("a", { href: `#${name}`, id: `tab-${name}` }, title)));
  const light = h("span", { id: "state", role: "status" });
  const menu = button("⋯", account, { label: `Account of ${who.name}`, kind: "quiet" });
  const main = h("main", { id: "main", tabIndex: -1 });
  place.replaceChildren(h("a.skip", { href: "#main", onclick: (event) => { event.preventDefault(); main.focus(); } }, "To the content"),
    h("header", h("span.brand", "smartsort"), tabs, light, menu), main);
  const app = { may: (scope) => who.scopes.some((one) => LEVELS.indexOf(one) >= LEVELS.indexOf(scope)) };
  const turn = () => {
    const name = location.hash.slice(1).split("/")[0];
    const area = AREAS[name] ? name : "review";
    shown?.close?.();
    for (const tab of tabs.children) {
      if (tab.id === `tab-${area}`) {
        tab.setAttribute("aria-current", "page");
        tab.scrollIntoView({ block: "nearest", inline: "center" });
      }
      else tab.removeAttribute("aria-current");
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
    if (kind === "status") showState(light, tabs, app.status = data);
    if (kind === "lost") showLost(light);
    shown?.heard?.(kind, data);
  }, listening.signal);
}

function showState(light, tabs, status) {
  const bad = status.health_issues.filter((issue) => issue.severity === "problem");
  const word = !status.enabled ? "off" : bad.length ? "problem" : "on";
  light.className = word;
  light.textContent = { off: "Sorting is off", problem: bad[0]?.message || "", on: "" }[word];
  light.title = light.textContent;
  tabs.querySelector("#tab-review").textContent = status.in_review ? `Review (${digits(status.in_review)})` : "Review";
}

function showLost(light) {
  light.className = "problem";
  light.textContent = light.title = "No connection to smartsort";
}

async function account() {
  const chosen = await dialog(`Signed in as ${who.name}`, h("p", `This browser may: ${who.scopes.join(", ")}.`),
    [["Keys", "keys"], ["Sign out", "out"], ["Close"]]);
  if (chosen === "out") {
    await signOut().catch(fail);
    askForToken("You are signed out.");
  } else if (chosen === "keys") keys();
}

function keys() {
  const listed = shown?.keys || [];
  const rows = [...listed, ["[ ]", "Previous or next area"], ["?", "These keys"]].map(([key, text]) => h("tr", h("td", h("kbd", key)), h("td", text)));
  dialog("Keys", h("table.keys", h("tbody", rows)));
}

// Enter that is held down answers one question, and not what comes after it.
addEventListener("keydown", (event) => {
  if (!event.repeat || event.key !== "Enter") return;
  event.preventDefault();
  event.stopPropagation();
}, true);
addEventListener("keydown", (event) => {
  // A dialog keeps its keys for itself, wherever the focus is: a click on its text takes it away.
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  if (typing && event.key !== "Escape") return;
  const names = Object.keys(AREAS);
  const at = names.findIndex((name) => document.getElementById(`tab-${name}`)?.hasAttribute("aria-current"));
  if (event.key === "?") keys();
  else if ("[]".includes(event.key) && at >= 0) location.hash = names[(at + (event.key === "]" ? 1 : names.length - 1)) % names.length];
  else if (!shown?.key?.(event)) return;
  event.preventDefault();
});
addEventListener("signed-out", (event) => askAgain(event.detail));
addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});

start();
