// Offsets are code points of the post; strings here are UTF-16.

/** The post as the server sees it: halves of surrogate pairs cannot travel as JSON. */
export function wellFormed(text) {
  return text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD");
}

/** Whether there is anything to read. */
export function hasWords(text) {
  return text.trim() !== "";
}

export function countPoints(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Where each code point begins in UTF-16, and the end. */
function places(text) {
  const found = [];
  let at = 0;
  for (const point of text) {
    found.push(at);
    at += point.length;
  }
  found.push(at);
  return found;
}

/** The passages of evidence that really stand where they say, merged where they overlap. */
export function findSpans(text, evidence) {
  const at = places(text);
  const spans = evidence
    .filter((one) => one.start >= 0 && one.start < one.end && one.end < at.length)
    .map((one) => ({ start: at[one.start], end: at[one.end], text: one.text }))
    .filter((span) => text.slice(span.start, span.end) === span.text)
    .sort((a, b) => a.start - b.start);
  const merged = [];
  for (const span of spans) {
    const last = merged[merged.length - 1];
    if (last && span.start < last.end) last.end = Math.max(last.end, span.end);
    else merged.push({ start: span.start, end: span.end });
  }
  return { merged, stands: spans.length };
}

const MARKED = /["\u201c]([^"\u201c\u201d]{3,300})["\u201d]/g;

/** Whether every passage of evidence, and every one in double marks, stands in the post. */
export function groundedQuotes(text, found) {
  const quotes = [...found.explanation.matchAll(MARKED)].map((m) => m[1]).filter((q) => /\s/.test(q.trim()));
  const { stands } = findSpans(text, found.evidence);
  const whole = fold(text);
  const missing = quotes.filter((quote) => !parts(quote).every((part) => whole.includes(part)));
  const total = found.evidence.length + quotes.length;
  return { total, missing: found.evidence.length - stands + missing.length };
}

function parts(quote) {
  return quote.split(/\.\.\.|\u2026|\[[^\]]*\]/).map(fold).filter(Boolean);
}

function fold(text) {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}
