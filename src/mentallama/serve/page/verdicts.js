// One post with what one or two models say of it.

import { about } from "./api.js";
import { make, plural } from "./dom.js";
import { findSpans, groundedQuotes } from "./text.js";

const NOT_COVERED = /\bnot (?:covered|known)\b|\bdoes not cover\b/i;

/** A question's title, and the aspect that it asks about. */
export function nameQuestion(found) {
  const title = about.tasks[found.task]?.title ?? found.task;
  return { title, aspect: found.aspect };
}

function askQuestion(found) {
  return (about.tasks[found.task]?.question ?? "").replace("{aspect}", found.aspect ?? "");
}

export function wordLabel(found) {
  return about.tasks[found.task]?.labels[found.label] ?? found.label;
}

/** Draw the replies of models for one post; returns the element and a line that sums it up. */
export function drawReplies(post, replies) {
  const lists = replies.map((reply) => reply.value.analyses);
  const why = lists[0][0]?.explanation;
  if (why && lists.every((list) => list.every((one) => one.abstained && one.explanation === why))) {
    return { element: make("div", { class: "card empty" }, make("p", {}, why)), line: why };
  }
  const reading = drawPost(post);
  const rows = lists[0].map((_, number) => lists.map((list) => list[number]));
  const list = make("ol", { class: `verdicts of-${lists.length}` });
  rows.forEach((row, number) => list.append(drawRow(post, row, number, reading)));
  openFirst(list);
  const line = sumUp(rows, replies);
  const element = make(
    "div",
    { class: "reading" },
    reading.element,
    make(
      "div",
      {},
      make("h2", { id: "verdicts-title" }, "Verdicts"),
      lists.length > 1 && drawHeads(replies),
      list,
    ),
  );
  return { element, line };
}

function sumUp(rows, replies) {
  const labelled = rows.filter((row) => row[0].label !== null).length;
  const start = `${labelled} of ${plural(rows.length, "question")} labelled by ${replies[0].model}`;
  if (replies.length === 1) return `${start}.`;
  const same = rows.filter((row) => row[0].label === row[1].label).length;
  return `${start}; ${replies[1].model} says the same on ${same} of ${rows.length}.`;
}

function drawHeads(replies) {
  return make("div", { class: "heads", "aria-hidden": "true" }, ...replies.map((one) => make("span", {}, one.model)));
}

/** The post as text to read, with a way to mark passages in it. */
function drawPost(post) {
  const body = make("p", { class: "post", id: "read-post" }, post);
  const hint = make("p", { class: "soft", id: "read-hint" });
  function mark(found) {
    const { merged } = findSpans(post, found.evidence);
    body.replaceChildren(...cut(post, merged));
    const { title, aspect } = nameQuestion(found);
    const what = aspect ? `${title}, ${aspect}` : title;
    hint.textContent = merged.length
      ? `Marked: the evidence of ${found.model} for ${what}.`
      : `${found.model} names no passage for ${what}.`;
  }
  const element = make("figure", { class: "card", "aria-label": "The post" }, make("h2", {}, "The post"), body, hint);
  return { element, mark };
}

function cut(post, spans) {
  const parts = [];
  let at = 0;
  for (const span of spans) {
    parts.push(post.slice(at, span.start), make("mark", {}, post.slice(span.start, span.end)));
    at = span.end;
  }
  parts.push(post.slice(at));
  return parts;
}

function drawRow(post, row, number, reading) {
  const { title, aspect } = nameQuestion(row[0]);
  const differ = row.length > 1 && row[0].label !== row[1].label;
  const head = make(
    "h3",
    { id: `question-${number}` },
    title,
    " ",
    aspect && make("span", { class: "aspect" }, aspect),
    " ",
    differ && make("span", { class: "badge warn" }, "models differ"),
  );
  const cells = row.map((found, model) => drawCell(post, found, `${number}-${model}`, reading));
  return make("li", { class: differ ? "differ" : null }, head, make("div", { class: "cells" }, ...cells));
}

function drawCell(post, found, key, reading) {
  const why = drawWhy(post, found, `why-${key}`);
  const button = make(
    "button",
    {
      type: "button",
      class: `verdict${found.label === null ? " none" : ""}`,
      id: `verdict-${key}`,
      "aria-expanded": "false",
      "aria-controls": `why-${key}`,
      "aria-describedby": `question-${key.split("-")[0]}`,
      onclick: () => toggle(button, why),
      onfocus: () => select(button, found, reading),
    },
    ...sayVerdict(found),
  );
  // Safari gives a clicked button no focus.
  button.addEventListener("click", () => select(button, found, reading));
  return make("div", { class: "cell" }, button, why);
}

function sayVerdict(found) {
  if (found.label === null) {
    const badge = NOT_COVERED.test(found.explanation) ? "not covered" : "abstained";
    return [make("span", { class: "label" }, "No label"), make("span", { class: "sure" }, badge)];
  }
  return [
    make("span", { class: "label" }, make("span", { class: "hidden" }, `${found.model}: labelled as `), wordLabel(found)),
    drawConfidence(found.confidence),
  ];
}

function drawConfidence(confidence) {
  if (confidence === null) return make("span", { class: "sure" }, "confidence not measured");
  const fill = make("i");
  fill.style.width = `${Math.round(confidence * 100)}%`;
  return make(
    "span",
    { class: "sure" },
    make("span", { class: "meter", "aria-hidden": "true" }, fill),
    make("span", {}, make("span", { class: "hidden" }, "confidence "), confidence.toFixed(2)),
  );
}

function drawWhy(post, found, id) {
  const said = found.label === null ? "No label" : `Labelled as \u201c${wordLabel(found)}\u201d`;
  return make(
    "div",
    { class: "why", id, hidden: true },
    make("p", { class: "soft" }, `${askQuestion(found)} ${said} by ${found.model}.`),
    found.explanation && make("p", {}, found.explanation),
    drawBadges(post, found),
    found.evidence.length > 0 && drawQuotes(found),
    found.example && drawExample(found.example),
  );
}

/** Another post of the same label, and what an expert said of it. */
function drawExample(example) {
  return make(
    "details",
    { class: "example" },
    make("summary", {}, "Another post of this label, explained by an expert"),
    make("blockquote", {}, example.post),
    make("p", {}, example.explanation),
  );
}

function drawQuotes(found) {
  return make(
    "ul",
    { class: "quotes", "aria-label": "Evidence in the post" },
    ...found.evidence.map((one) => make("li", {}, one.text)),
  );
}

function drawBadges(post, found) {
  const badges = [];
  const { total, missing } = groundedQuotes(post, found);
  if (total && !missing) badges.push(["good", "quotes grounded", "Every passage quoted stands in the post."]);
  if (missing) badges.push(["warn", `${plural(missing, "quote")} not in the post`, ""]);
  if (!total && found.label !== null) badges.push(["", "nothing quoted", ""]);
  const explains = found.label !== null && about.models.find((model) => model.name === found.model)?.explains;
  if (explains === "composed") badges.push(["", "explanation composed", "Put together from the evidence by rules."]);
  if (explains === "written") badges.push(["", "explanation written", "Written by a language model; it may be wrong."]);
  if (found.truncated) badges.push(["warn", "post too long: its middle was not read", ""]);
  return make(
    "p",
    { class: "badges" },
    ...badges.map(([kind, text, title]) => make("span", { class: `badge ${kind}`, title: title || null }, text)),
  );
}

function toggle(button, why) {
  why.hidden = !why.hidden;
  button.setAttribute("aria-expanded", String(!why.hidden));
}

function select(button, found, reading) {
  for (const other of button.closest("ol").querySelectorAll(".verdict.chosen")) other.classList.remove("chosen");
  button.classList.add("chosen");
  reading.mark(found);
}

/** Open the first verdict with evidence, so that the page shows at once what it can do. */
function openFirst(list) {
  const buttons = [...list.querySelectorAll(".verdict")];
  const first = buttons.find((one) => one.parentElement.querySelector(".quotes")) ?? buttons[0];
  first?.click();
}
