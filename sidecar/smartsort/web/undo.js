/** Taking something back, and saying what became of it. */

import { post } from "./api.js";
import { toast } from "./dom.js";

/** Undo an event, the last action or a photo's last decision, as `POST /undo` does. Gives its answer. */
export async function undo(what) {
  const done = await post("undo", what);
  const failed = done.decided.find((one) => one.problem);
  toast(failed ? failed.problem : "Taken back.", { bad: Boolean(failed) });
  return done;
}
