// Requests to this server, and what to say where there is no answer.

import { $ } from "./dom.js";

export const about = JSON.parse($("about").textContent);

const KEY = "mentallama-token";

export function hasToken() {
  return !about.token || sessionStorage.getItem(KEY) !== null;
}

export function keepToken(token) {
  sessionStorage.setItem(KEY, token);
}

export class Problem extends Error {
  constructor(status, message, retry = null) {
    super(message);
    this.status = status;
    this.retry = retry;
  }
}

/** POST a value; returns what comes back or throws a Problem. An abort is thrown on as it is. */
export async function post(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  const token = sessionStorage.getItem(KEY);
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(value), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server cannot be reached. Is it still running?");
  }
  if (answer.ok) return answer.json();
  if (answer.status === 401) sessionStorage.removeItem(KEY);
  const body = await answer.json().catch(() => ({}));
  const retry = Number(answer.headers.get("Retry-After")) || null;
  throw new Problem(answer.status, explain(answer.status, body.error), retry);
}

function explain(status, line) {
  const known = {
    401: "This server needs a token, or does not know the one given.",
    413: `That is longer than this server takes (${about.limits.bytes.toLocaleString("en")} bytes).`,
    503: "The server is busy: every place is taken.",
  };
  return known[status] ?? `The server answered: ${line ?? `error ${status}`}.`;
}
