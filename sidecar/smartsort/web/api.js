/** The HTTP API. The page knows nothing else of smartsort. */

/** Where smartsort lies below its server: "" or the path that a reverse proxy puts in front. */
const BASE = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
const API = "/api/smart-download";

let word = "";

/** What the API refused: `status`, a stable `code`, and a sentence. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `smartsort answered ${status}`);
    this.status = status;
    this.code = body.code || "error";
    this.happened = body.happened || null;
  }
}

/** The address of a path that the API has given, such as that of a picture. */
export const address = (path) => (path.startsWith("/") ? BASE + path : `${BASE}${API}/${path}`);

async function call(method, path, body) {
  const headers = {};
  if (method !== "GET") headers["X-Smartsort-Session"] = word;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(address(path), { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Problem(0, { detail: "smartsort does not answer. Is it running, and are you at home?", code: "away" });
  }
  const kind = answer.headers.get("content-type") || "";
  const given = kind.includes("json") ? await answer.json() : null;
  if (!answer.ok) {
    if (answer.status === 401 && path !== "session") dispatchEvent(new Event("signed-out"));
    throw new Problem(answer.status, given || {});
  }
  return given;
}

export const get = (path, query = {}) => call("GET", path + asked(query));
export const post = (path, body = {}) => call("POST", path, body);
export const patch = (path, body) => call("PATCH", path, body);

/** A query string without what is empty. */
export function asked(query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
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
  word = session.word;
  return session;
}

/**
 * Listen to what happens until `signal` ends it. `heard` gets the kind and the data of each message.
 * EventSource would need the name of every kind; this reads all of them.
 */
export async function listen(heard, signal) {
  let last = "";
  for (let pause = 1; !signal.aborted; pause = Math.min(pause * 2, 30)) {
    try {
      const headers = last ? { "Last-Event-ID": last } : {};
      const answer = await fetch(address("events/stream"), { headers, signal });
      if (!answer.ok) throw new Problem(answer.status, {});
      let rest = "";
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const messages = (rest + part.value.replaceAll("\r", "")).split("\n\n");
        rest = messages.pop();
        pause = 1;
        for (const message of messages) {
          const fields = Object.fromEntries(message.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
          last = fields.id || last;
          if (fields.data) heard(fields.event, JSON.parse(fields.data));
        }
      }
    } catch (problem) {
      if (problem.status === 401) return;
    }
    if (!signal.aborted) await new Promise((done) => setTimeout(done, pause * 1000));
  }
}
