// The page: what is chosen, what is asked, and in which state it is.

import { about, hasToken, keepToken, post, Problem } from "./api.js";
import { setUpBatch } from "./batch.js";
import { $, make, plural } from "./dom.js";
import { showSupport } from "./support.js";
import { countPoints, hasWords, wellFormed } from "./text.js";
import { drawReplies } from "./verdicts.js";

const boxes = [...document.querySelectorAll("input.set")];
const tabs = [...document.querySelectorAll("[role=tab]")];
let stopper = null;

function asked() {
  const chosen = boxes.filter((box) => box.checked);
  return chosen.length === boxes.length ? null : chosen.map((box) => box.value);
}

function models() {
  if (about.models.length === 1) return [about.models[0].name];
  return [...new Set([$("model").value, $("beside").value].filter(Boolean))];
}

function say(text) {
  $("status").textContent = text;
}

/** Show a problem with a way out of it, or none. */
function fail(problem) {
  $("problem").replaceChildren();
  if (!problem) return;
  say("");
  const known = problem instanceof Problem ? problem : new Problem(0, "Something on this page went wrong.");
  if (known.status === 401) {
    askToken(known.message);
    return;
  }
  const again = [0, 503, 500].includes(known.status) && !$("one").hidden && hasWords($("post").value);
  const button = again && make("button", { type: "button", class: "plain", onclick: () => run() }, "Try again");
  const wait = known.retry ? ` Try again in ${plural(known.retry, "second")}.` : "";
  $("problem").append(make("div", { class: "problem" }, make("p", {}, known.message + wait), button));
}

function askToken(why) {
  $("token").hidden = false;
  $("token-error").textContent = why;
  $("token-field").focus();
}

/** Analyse, unless that is going on; a disabled button would lose the keyboard's place. */
function start() {
  if ($("composer").getAttribute("aria-busy") !== "true") run();
}

async function run() {
  const text = wellFormed($("post").value);
  fail(null);
  if (!hasWords(text)) {
    fail(new Problem(422, "There is nothing to read: paste a post first."));
    $("post").focus();
    return;
  }
  if (asked()?.length === 0) {
    fail(new Problem(422, "No question is chosen: tick one set or more."));
    return;
  }
  stopper?.abort();
  const mine = (stopper = new AbortController());
  busy(true);
  showSupport(text, mine.signal);
  try {
    const replies = await Promise.all(models().map((model) => ask(text, model, mine.signal)));
    const { element, line } = drawReplies(text, replies);
    $("results").replaceChildren(element);
    say(line);
  } catch (error) {
    if (stopper !== mine) return;
    $("results").replaceChildren();
    if (error.name === "AbortError") say("Stopped.");
    else fail(error);
  } finally {
    if (stopper === mine) busy(false);
  }
}

async function ask(text, model, signal) {
  return { model, value: await post("/v1/analyse", { text, tasks: asked(), model }, signal) };
}

function busy(yes) {
  $("composer").setAttribute("aria-busy", String(yes));
  $("analyse").setAttribute("aria-disabled", String(yes));
  $("stop").hidden = !yes;
  if (!yes) return;
  say(`Reading with ${models().join(" and ")}\u2026`);
  $("support").replaceChildren();
  showBelow();
  const bars = Array.from({ length: 5 }, () => make("i"));
  $("results").replaceChildren(make("div", { class: "loading card", "aria-hidden": "true" }, ...bars));
}

/** Bring results into view where they would begin below the middle of the window. */
function showBelow() {
  if ($("below").getBoundingClientRect().top > innerHeight * 0.6) $("below").scrollIntoView();
}

function count() {
  const size = countPoints($("post").value);
  $("count").textContent = plural(size, "character");
  const questions = boxes.filter((box) => box.checked).reduce((sum, box) => sum + Number(box.dataset.questions), 0);
  $("asked").textContent = plural(questions, "question");
}

function showTab(tab) {
  for (const other of tabs) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    $(other.getAttribute("aria-controls")).hidden = !on;
  }
  const one = tab.id === "tab-one";
  if ($("beside-field")) $("beside-field").hidden = !one;
  $("results").hidden = $("support").hidden = !one;
  $("summary").hidden = one || !$("summary").hasChildNodes();
  fail(null);
  say("");
}

function setUp() {
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  $("post").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      start();
    }
  });
  $("post").addEventListener("input", count);
  $("stop").addEventListener("click", () => stopper?.abort());
  for (const chip of document.querySelectorAll("[data-sample]")) {
    chip.addEventListener("click", () => {
      $("post").value = about.samples[Number(chip.dataset.sample)].text;
      count();
    });
  }
  for (const [id, value] of [["all", true], ["none", false]]) {
    $(id).addEventListener("click", () => {
      for (const box of boxes) box.checked = value;
      count();
    });
  }
  for (const box of boxes) box.addEventListener("change", count);
  setUpTabs();
  setUpToken();
  setUpBatch({ asked, model: () => models()[0], say, fail });
  if (matchMedia("(max-width: 48rem)").matches) $("questions").open = false;
  count();
  document.documentElement.dataset.ready = "yes";
}

function setUpTabs() {
  tabs.forEach((tab, number) => {
    tab.addEventListener("click", () => showTab(tab));
    tab.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowLeft: -1 };
      if (!(event.key in steps)) return;
      const next = tabs[(number + steps[event.key] + tabs.length) % tabs.length];
      next.focus();
      showTab(next);
    });
  });
}

function setUpToken() {
  if (!hasToken()) $("token").hidden = false;
  $("token").addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken($("token-field").value.trim());
    $("token-field").value = "";
    $("token").hidden = true;
    $("token-error").textContent = "";
    fail(null);
    say("The token is kept for this tab.");
    $("post").focus();
  });
}

setUp();
