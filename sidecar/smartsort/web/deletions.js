/** Many deletions in Immich at once: smartsort asks whether they were meant. */

import { get, post } from "./api.js";
import { told } from "./agree.js";
import { button, dialog, digits, h, name, redraw, toast } from "./dom.js";
import { undo } from "./undo.js";

/** A notice in `place` while deletions wait for an answer. Gives a function that looks again. */
export function deletions(place) {
  const look = async () => {
    const { waiting } = await get("deletions");
    redraw(place, waiting ? [h("p.notice", h("span", `${digits(waiting)} deletions in Immich wait for your answer.`), button("Answer…", ask))] : []);
  };

  async function ask() {
    const found = await get("deletions");
    const more = found.waiting - found.photos.length;
    const said = await dialog(`Were ${digits(found.waiting)} deletions in Immich meant?`,
      h("div", h("p", "They were deleted in Immich, many at once."),
        h("ul.many", { tabIndex: 0, "aria-label": "The photos" }, found.photos.map((one) => h("li", name(one.filename), one.person ? [" of ", name(one.person)] : null)), more > 0 ? h("li", `and ${digits(more)} more`) : null),
        h("p", "Rejected, their files are kept for a while, and undo takes it back. Kept, they stay filed.")),
      [["Reject them", "meant", "bad"], ["Keep them", "kept"], ["Later"]]);
    if (!said) return;
    const done = await post("deletions", { up_to: found.up_to, meant: said === "meant" });
    toast(`${said === "meant" ? "Rejected" : "Kept"}: ${told(done)}`, { bad: done.failed > 0, act: done.event ? () => undo({ event: done.event }) : null });
    await look();
  }

  look();
  return look;
}
