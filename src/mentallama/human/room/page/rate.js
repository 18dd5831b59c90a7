// One item: marks, keys, and saving without loss.

import { countItem, isPaused, isShown, pauseWhereDue, remember } from "./care.js";
import { $, make, read } from "./dom.js";
import { Evidence } from "./evidence.js";
import { setUpKeys } from "./keys.js";
import { newId, post } from "./send.js";
import "./page.js";

const about = read("about");
const DRAFT = `draft:${about.item}`;
const WAITS = [1000, 2000, 4000, 8000, 15000];
const groups = [...document.querySelectorAll("fieldset.aspect")];
const evidence = new Evidence(about.post, about.sentences, keepDraft);
let active = groups[0];
let pending = null;
let timer = null;
let tries = 0;
let seconds = 0;
let since = performance.now();

const titleOf = (group) => group.querySelector("legend").textContent;
const chosen = (group) => group.querySelector("input:checked");
const open = () => groups.filter((group) => !chosen(group));

function say(text) {
  $("status").textContent = text;
}

function fail(...parts) {
  $("problem").replaceChildren(...parts);
}

// Marks.

function marks() {
  return Object.fromEntries(groups.map((group) => {
    const value = chosen(group)?.value;
    return [group.dataset.key, value === undefined ? undefined : value === "none" ? null : Number(value)];
  }));
}

function showMarks(values) {
  for (const group of groups) {
    for (const input of group.querySelectorAll("input")) {
      const value = values[group.dataset.key];
      input.checked = value !== undefined && input.value === (value === null ? "none" : String(value));
    }
  }
}

function showOpen() {
  const left = open().length;
  $("open-aspects").textContent = left ? `${groups.length - left} of ${groups.length} marked` : "All marked";
  $("save").classList.toggle("early", left > 0);
}

function activate(group, focus = true) {
  active = group;
  for (const other of groups) other.classList.toggle("active", other === group);
  if (focus) (chosen(group) ?? group.querySelector("input")).focus();
}

/** Give the aspect in turn a mark; go on to the next that has none. */
function mark(value) {
  if (!isOpen()) return;
  const input = active.querySelector(`input[value="${value}"]`);
  if (!input) {
    say(`${titleOf(active)} has no ${value}.`);
    return;
  }
  input.checked = true;
  const given = `${titleOf(active)}: ${input.closest("label").querySelector(".name").textContent}.`;
  const behind = groups.slice(groups.indexOf(active) + 1);
  const next = behind.find((group) => !chosen(group)) ?? open()[0];
  changed();
  if (next) activate(next);
  else input.focus();
  say(next ? `${given} Next: ${titleOf(next)}.` : `${given} All marked: Enter saves.`);
}

function step(by) {
  activate(groups[Math.min(Math.max(groups.indexOf(active) + by, 0), groups.length - 1)]);
}

function changed() {
  showOpen();
  keepDraft();
}

/** Whether marks may be given: the text was shown, and nothing is on its way. */
function isOpen() {
  if (pending) return false;
  if ($("form").inert) say("Show the text first (r).");
  return !$("form").inert;
}

// A draft stays in this tab until it is saved: a dropped network or a reload loses nothing.

function keepDraft() {
  const draft = { marks: marks(), note: $("note").value, spans: evidence.spans, replaces: about.stored?.id ?? null, pending };
  sessionStorage.setItem(DRAFT, JSON.stringify(draft));
}

function restore() {
  if (about.stored) evidence.set(about.stored.evidence);
  const draft = JSON.parse(sessionStorage.getItem(DRAFT));
  if (!draft || (!draft.pending && draft.replaces !== (about.stored?.id ?? null))) return;
  showMarks(draft.marks);
  $("note").value = draft.note;
  evidence.set(draft.spans);
  if (draft.pending) send(draft.pending);
}

// Saving.

function save() {
  if (!isOpen()) return;
  const left = open();
  if (left.length) {
    say(`Still without a mark: ${left.map(titleOf).join(", ")}.`);
    activate(left[0]);
    return;
  }
  send(fill("rated", marks()));
}

function skip() {
  if (!pending) send(fill("skipped", {}));
}

function fill(kind, values, replaces = about.stored?.id ?? null) {
  const note = $("note").value.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]|\0/g, "\uFFFD");
  return { id: newId(), item: about.item, kind, marks: values, note, evidence: evidence.spans, rubric: about.rubric, seconds: Math.round(10 * lookedAt()) / 10, replaces };
}

async function send(submission) {
  pending = submission;
  clearTimeout(timer);
  $("form").inert = true;
  keepDraft();
  if (!tries) say("Saving\u2026");
  try {
    await post("/v1/submissions", submission);
  } catch (problem) {
    refuse(problem);
    return;
  }
  sessionStorage.removeItem(DRAFT);
  countItem();
  say("Saved.");
  location.assign("/rate");
}

function refuse(problem) {
  if (problem.passing) {
    tries += 1;
    timer = setTimeout(() => send(pending), WAITS[Math.min(tries, WAITS.length) - 1]);
    say("");
    if (tries === 1) fail(make("p", {}, make("strong", {}, "Not saved yet."), " The room cannot be reached. Your marks are kept in this tab and sent again on their own."));
    return;
  }
  const mine = pending;
  pending = null;
  tries = 0;
  $("form").inert = false;
  keepDraft();
  say("");
  if (problem.status === 409 && problem.body.stored) offer(mine, problem.body.stored);
  else if (problem.status === 401) fail(make("p", {}, "Not saved: this browser has no open link any more. Open your personal link in this tab; your marks are kept."));
  else fail(make("p", {}, `Not saved: ${problem.message}`));
}

/** Two tabs rated this item: show what is stored, and let the rater choose. */
function offer(mine, stored) {
  const line = stored.kind === "skipped" ? "it was skipped" : about.aspects.map(({ key, title }) => `${title} ${stored.marks[key] ?? "cannot judge"}`).join(", ");
  const keep = make("button", { type: "button", class: "main", onclick: () => leaveFor("/rate") }, "Keep what is stored");
  const use = make("button", { type: "button", class: "plain", onclick: () => replace(mine, stored) }, "Replace it by these marks");
  fail(make("p", {}, make("strong", {}, "This item has other marks by now"), `, from another tab: ${line}.`), make("div", { class: "line" }, keep, use));
  keep.focus();
}

function replace(mine, stored) {
  fail();
  send({ ...mine, id: newId(), replaces: stored.id });
}

function leaveFor(address) {
  sessionStorage.removeItem(DRAFT);
  location.assign(address);
}

// Time counts while the page is in view.

function lookedAt() {
  if (!document.hidden) {
    seconds += (performance.now() - since) / 1000;
    since = performance.now();
  }
  return Math.min(seconds, 86400);
}

// Putting it together.

function show(yes) {
  $("reading").open = yes;
  shown();
}

/** Marks may be given once the text was shown; hiding it again takes nothing back. */
function shown() {
  if ($("reading").open) $("form").inert = pending !== null;
}

function setUpReading() {
  $("form").inert = true;
  show(isShown());
  $("reading").addEventListener("toggle", () => {
    remember($("reading").open);
    shown();
  });
}

function setUpForm() {
  for (const group of groups) {
    group.addEventListener("change", changed);
    group.addEventListener("focusin", () => activate(group, false));
  }
  $("note").addEventListener("input", keepDraft);
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    save();
  });
  $("skip-item").addEventListener("click", skip);
  addEventListener("online", () => pending && send(pending));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) seconds += (performance.now() - since) / 1000;
    since = performance.now();
  });
}

setUpReading();
setUpForm();
restore();
activate(open()[0] ?? groups[0], false);
showOpen();
setUpKeys({
  mark,
  step,
  save,
  skip,
  toggle: () => show(!$("reading").open),
  back: () => $("back") && !pending && location.assign($("back").href),
  paused: isPaused,
});
if (!pending) pauseWhereDue(() => $("item-title").focus());
document.documentElement.dataset.ready = "yes";
