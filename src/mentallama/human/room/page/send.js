// Requests to the room. A Problem of status 0 or 500 and up may be tried again as it is.

export class Problem extends Error {
  constructor(status, message, body = {}) {
    super(message);
    this.status = status;
    this.body = body;
  }

  get passing() {
    return this.status === 0 || this.status === 408 || this.status >= 500;
  }
}

/** POST a value; return what comes back or throw a Problem. */
export async function post(path, value) {
  const headers = { "Content-Type": "application/json" };
  let answer, body;
  try {
    answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(value) });
    body = await answer.json();
  } catch {
    if (answer && !answer.ok) throw new Problem(answer.status, "The room did not answer as it should.");
    throw new Problem(0, "The room cannot be reached.");
  }
  if (answer.ok) return body;
  throw new Problem(answer.status, body.error ?? "", body);
}

/** A random UUID; the browser's own is only there on safe addresses. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
