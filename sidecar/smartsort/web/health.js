/** Is it on, what is in the way, and the checks of the doctor. */

import { get, post } from "./api.js";
import { deletions } from "./deletions.js";
import { button, h, redraw, when } from "./dom.js";

export function health(root, app) {
  const state = h("div.state");
  const checks = h("div");
  const look = button("Check again", doctor);
  root.replaceChildren(h("h1", "Health"), h("div"), state, h("h2", "Checks"), look, checks);

  function draw(status) {
    const issues = status.health_issues.map((one) => h(`li.${one.severity}`, h("span", one.message), h("small", `since ${when(one.since)}`)));
    redraw(state, h("p", status.enabled ? "Sorting is on." : "Sorting is off. What arrives waits.", " Immich: ", status.immich, status.immich_version ? ` (${status.immich_version}).` : "."),
      app.may("admin") ? button(status.enabled ? "Stop sorting" : "Sort again", async () => draw(await post(status.enabled ? "disable" : "enable"))) : "",
      issues.length ? h("ul.issues", issues) : h("p", "Nothing is in the way."));
  }

  async function doctor() {
    look.disabled = true;
    checks.replaceChildren(h("p", "smartsort looks at folders, Immich and settings. This takes some seconds."));
    try {
      const report = await get("doctor");
      checks.replaceChildren(h("ul.checks", report.checks.map((one) => h(`li.${one.verdict}`, h("strong", one.name), h("span.verdict", one.verdict), h("span", one.detail), one.remedy ? h("p", one.remedy) : null))));
    } finally {
      look.disabled = false;
    }
  }

  get("status").then((now) => draw(app.status || now));
  doctor();
  deletions(state.previousElementSibling);
  return { heard: (kind, data) => { if (kind === "status") draw(data); } };
}
