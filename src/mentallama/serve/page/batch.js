// A file of posts: chosen, read, sent a few at a time, summed up.

import { about, post, Problem } from "./api.js";
import { $, make, plural } from "./dom.js";
import { drawSummary } from "./plot.js";
import { guessColumn, readTable } from "./tables.js";
import { wellFormed } from "./text.js";

const AT_A_TIME = 8;
const MOST_ROWS = 20000;
const PATIENCE = 20;

let table = null;
let stopper = null;

export function setUpBatch({ asked, model, say, fail }) {
  $("file").addEventListener("change", () => chooseFile(fail));
  $("column").addEventListener("change", peek);
  $("halt").addEventListener("click", () => stopper?.abort());
  $("batch").addEventListener("submit", (event) => {
    event.preventDefault();
    const tasks = asked();
    if (tasks?.length === 0) fail(new Problem(422, "No question is chosen: tick one set or more."));
    else if (table && !stopper) run({ tasks, model: model(), say, fail });
  });
}

async function chooseFile(fail) {
  fail(null);
  table = null;
  $("columns").hidden = $("start").disabled = true;
  const [file] = $("file").files;
  if (!file) return;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    const found = readTable(file.name.toLowerCase(), text);
    if (found.rows.length > MOST_ROWS) throw new Error(`More than ${plural(MOST_ROWS, "row")}; use 'mentallama analyse' for large files.`);
    table = found;
  } catch (error) {
    fail(new Problem(0, error instanceof TypeError ? "This file is not UTF-8; save it as UTF-8." : error.message));
    return;
  }
  const best = guessColumn(table);
  $("column").replaceChildren(...table.columns.map((name) => make("option", { selected: name === best }, name)));
  $("columns").hidden = false;
  $("start").disabled = false;
  peek();
}

function peek() {
  const first = String(table.rows[0][$("column").value] ?? "");
  const short = [...first].slice(0, 120).join("");
  $("peek").textContent = `${plural(table.rows.length, "row")}. The first: ${short}${short === first ? "" : "\u2026"}`;
}

async function run({ tasks, model, say, fail }) {
  const column = $("column").value;
  const texts = table.rows.map((row) => wellFormed(String(row[column] ?? "")));
  const kept = table.rows.map(({ [column]: _, ...others }) => others);
  const lines = [];
  stopper = new AbortController();
  show(true, texts.length);
  fail(null);
  say("Reading the file.");
  try {
    for (const chunk of cut(texts, kept)) {
      await send(chunk, { tasks, model, signal: stopper.signal }, lines);
      step(lines.length, texts.length);
    }
    say(`${plural(texts.length, "row")} done.`);
  } catch (error) {
    if (error.name === "AbortError") say(`Stopped after ${plural(lines.length, "row")}.`);
    else fail(error);
  }
  stopper = null;
  show(false, texts.length);
  if (lines.length) sumUp(lines);
}

function show(running, total) {
  const here = document.activeElement;
  $("progress").hidden = $("halt").hidden = !running;
  $("start").disabled = running;
  // A button that goes hands the keyboard's place to the other.
  if (here === $(running ? "start" : "halt")) $(running ? "halt" : "start").focus();
  if (!running) return;
  $("summary").hidden = true;
  step(0, total);
}

function step(done, total) {
  $("bar").max = total;
  $("bar").value = done;
  $("bar-text").textContent = `${done.toLocaleString("en")} of ${plural(total, "row")}`;
}

/** Posts in order with the other cells of their rows, as many together as the server takes. */
function* cut(texts, kept) {
  const most = Math.min(AT_A_TIME, about.limits.texts);
  let chunk = [], size = 0;
  for (const [number, text] of texts.entries()) {
    const bytes = new TextEncoder().encode(JSON.stringify(text)).length;
    if (chunk.length && (chunk.length === most || size + bytes > about.limits.bytes / 2)) {
      yield chunk;
      chunk = [];
      size = 0;
    }
    chunk.push({ row: number + 1, text, columns: kept[number] });
    size += bytes;
  }
  if (chunk.length) yield chunk;
}

/** Send a chunk and keep its replies; what is too long alone becomes a row with an error. */
async function send(chunk, { tasks, model, signal }, lines) {
  try {
    const value = { texts: chunk.map((one) => one.text), tasks, model };
    const { results } = await patiently(() => post("/v1/analyse/batch", value, signal), signal);
    results.forEach((reply, index) => lines.push(label(chunk[index], reply)));
  } catch (error) {
    if (chunk.length > 1 || ![413, 422, 500].includes(error.status)) {
      if (chunk.length === 1 || ![413, 500].includes(error.status)) throw error;
      for (const one of chunk) await send([one], { tasks, model, signal }, lines);
      return;
    }
    lines.push(label(chunk[0], { error: error.message }));
  }
}

/** A reply under the number and the other columns of its row; the post itself is not repeated. */
function label({ row, columns }, reply) {
  return Object.keys(columns).length ? { row, columns, ...reply } : { row, ...reply };
}

async function patiently(ask, signal) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (error.status !== 503 || tries === PATIENCE) throw error;
      await new Promise((done) => setTimeout(done, (error.retry ?? 2) * 1000));
      signal.throwIfAborted();
    }
  }
}

let made = null;

function sumUp(lines) {
  const replies = lines.filter((line) => line.analyses);
  if (made) URL.revokeObjectURL(made);
  const content = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  made = URL.createObjectURL(new Blob([content], { type: "application/jsonl" }));
  const link = make("a", { href: made, download: "analyses.jsonl", class: "download" }, "Download the results (JSON Lines)");
  $("summary").replaceChildren(...drawSummary(replies, lines.length - replies.length, link));
  $("summary").hidden = false;
}
