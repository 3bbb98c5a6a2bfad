/** The HTTP API. The page knows nothing else of smartsort. */

/** Where smartsort lies below its server: "" or the path that a reverse proxy puts in front. */
const BASE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const API = "/api/smart-download";

/** Longer than any answer takes, in ms. A dead line must end. */
const PATIENCE = { POST: 600_000 };

/** smartsort sends a comment every 15 s. Without three of them the line is dead. */
const SILENCE = 45_000;

let word = "";
let who = "";
let asking = null;

/** What the API refused: `status` and a sentence. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `smartsort answered ${status}`);
    this.status = status;
  }
}

/** The address of a path that the API has given, such as that of a picture. */
export const address = (path) => (path.startsWith("/") ? BASE + path : `${BASE}${API}/${path}`);

async function call(method, path, body, first = true) {
  const headers = {};
  const used = word;
  if (method !== "GET") headers["X-Smartsort-Session"] = used;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  let given = null;
  try {
    answer = await fetch(address(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE[method] || 60_000) });
    if ((answer.headers.get("content-type") || "").includes("json")) given = await answer.json();
  } catch {
    throw new Problem(0, { detail: "smartsort does not answer. Is it running, and are you at home?" });
  }
  if (answer.ok) return given;
  // A session that is over did nothing, so the request is sent again, by a session that may be there now.
  if (answer.status === 401 && path !== "session" && first) {
    if (word === used) await signedInAgain();
    return call(method, path, body, false);
  }
  // Another tab has signed in since: the word belongs to its session.
  if (answer.status === 403 && method !== "GET" && first) {
    const before = who;
    await session();
    if (before !== who) throw new Problem(403, { detail: `Another tab has signed in as ${who}. Load this page again.` });
    if (word !== used) return call(method, path, body, false);
  }
  throw new Problem(answer.status, given || {});
}

/** Ask for a token over what is shown, once for all that wait. Rejects when no one signs in. */
function signedInAgain() {
  asking ??= new Promise((done, refused) => dispatchEvent(new CustomEvent("signed-out", { detail: { done, refused } }))).finally(() => { asking = null; });
  return asking;
}

/** `asks` for a token again. */
export const get = (path, query = {}, asks = true) => call("GET", path + asked(query), undefined, asks);
export const post = (path, body = {}) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);

/** A query string without what is empty. */
export function asked(query) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}

/** Who is signed in; null when no one is. */
export async function session() {
  try {
    return remember(await get("session"));
  } catch (problem) {
    if (problem.status === 401) return null;
    throw problem;
  }
}

/** Sign in with a token, or with the word of a link. */
export const signIn = async (given) => remember(await call("POST", "session", given));

export async function signOut() {
  await call("DELETE", "session");
  word = "";
}

function remember(session) {
  ({ word, name: who } = session);
  dispatchEvent(new Event("signed-in"));
  return session;
}

/**
 * Listen to what happens until `signal` ends it. `heard` gets the kind and the data of each message.
 * `connected`: the line is there, and what happened before is not repeated. `lost`: it is not.
 */
export async function listen(heard, signal) {
  for (let pause = 1; !signal.aborted; pause = Math.min(pause * 2, 30)) {
    const line = new AbortController();
    const end = () => line.abort();
    signal.addEventListener("abort", end, { once: true });
    let silence = setTimeout(end, SILENCE);
    const used = word;
    try {
      const answer = await fetch(address("events/stream"), { signal: line.signal });
      if (!answer.ok) throw new Problem(answer.status, {});
      heard("connected", {});
      let rest = "";
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        clearTimeout(silence);
        silence = setTimeout(end, SILENCE);
        pause = 1;
        const messages = (rest + part.value.replaceAll("\r", "")).split("\n\n");
        rest = messages.pop();
        for (const message of messages) {
          const fields = Object.fromEntries(message.split("\n").map((row) => [row.slice(0, row.indexOf(":")), row.slice(row.indexOf(":") + 1).trim()]));
          if (fields.data) heard(fields.event, JSON.parse(fields.data));
        }
      }
    } catch (problem) {
      if (problem.status === 401 && word === used) await signedInAgain().catch(() => happens("signed-in"));
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", end);
    }
    if (signal.aborted) return;
    heard("lost", {});
    await Promise.race([happens("online"), new Promise((done) => setTimeout(done, pause * 1000))]);
  }
}

const happens = (kind) => new Promise((done) => addEventListener(kind, done, { once: true }));
