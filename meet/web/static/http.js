/* Requests to the JSON API, each with an end: an answer, a refusal, or no connection. */

/** The path under which the pages stand, with a slash at its end: this file is in static/<mark>/. */
export const home = new URL("../../", import.meta.url).pathname;

/** The server said no: `code` and `detail` as in every refusal. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title);
    this.status = status;
    this.code = problem.code;
    this.detail = problem.detail || problem.title;
    this.free = problem.free;
  }
}

/** No answer, or none that Meet would give: a network, a proxy, a server that is away. */
export class Unreachable extends Error {}

/** A signal that fires after `milliseconds`, or when `other` does. */
export function until(milliseconds, other) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), milliseconds);
  const abort = () => {
    clearTimeout(timer);
    control.abort();
  };
  if (other?.aborted) abort();
  other?.addEventListener("abort", abort, { once: true });
  return { signal: control.signal, done: () => { clearTimeout(timer); other?.removeEventListener("abort", abort); } };
}

/** Raise what a response that is no success means. */
export async function refuse(response) {
  const type = response.headers.get("Content-Type") || "";
  if (!type.includes("json") || response.redirected) throw new Unreachable(`status ${response.status}`);
  const problem = await response.json().catch(() => null);
  if (!problem?.code) throw new Unreachable(`status ${response.status}`);
  throw new Refused(response.status, problem);
}

/** Ask for `address`; resolves with the response's JSON and headers. */
export async function call(method, address, { token, body, within = 10000, signal } = {}) {
  const end = until(within, signal);
  try {
    const headers = { "Meet-Client": "web", Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(address, {
      method, headers, body: body && JSON.stringify(body), signal: end.signal, redirect: "manual", cache: "no-store", credentials: "same-origin",
    });
    if (!response.ok) await refuse(response);
    const json = response.status === 204 ? null : await response.json();
    return { json, headers: response.headers };
  } catch (error) {
    if (error instanceof Refused || error instanceof Unreachable) throw error;
    throw new Unreachable(error.message);
  } finally {
    end.done();
  }
}
