// Care for the rater: texts hidden until shown, breaks, and a gentle end of a session.

import { $, read } from "./dom.js";
import { leave } from "./page.js";

const care = read("care");
const KEY = "session";
const fresh = () => ({ shown: false, began: Date.now(), items: 0, rested: Date.now(), since: 0 });
const session = JSON.parse(sessionStorage.getItem(KEY)) ?? fresh();

function keep() {
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

/** Whether the texts are shown; it is remembered until the tab is closed. */
export function isShown() {
  return session.shown;
}

export function remember(shown) {
  session.shown = shown;
  keep();
}

export function countItem() {
  session.items += 1;
  session.since += 1;
  keep();
}

function due({ count, unit }, items, from) {
  return count > 0 && (unit === "items" ? items >= count : Date.now() - from >= count * 60000);
}

/** Stop for a moment where a break or the end of a session is due; ``resume`` is called after. */
export function pauseWhereDue(resume) {
  if (due(care.limit, session.items, session.began)) {
    session.items = session.since = 0;
    session.began = session.rested = Date.now();
    pause("That is enough for one session", "Everything you gave is saved. Your link brings you back to the next item, today or another day. You can also go on now.", resume);
  } else if (due(care.breakAfter, session.since, session.rested)) {
    session.since = 0;
    session.rested = Date.now();
    pause("Time for a short break", "Look out of the window, have some water, walk a few steps. Everything you gave is saved.", resume);
  }
}

export function isPaused() {
  return $("pause").matches(":popover-open");
}

function pause(title, text, resume) {
  keep();
  $("pause-title").textContent = title;
  $("pause-text").textContent = text;
  $("main").inert = true;
  $("pause").showPopover();
  $("pause-on").focus();
  $("pause-leave").onclick = leave;
  $("pause-on").onclick = () => {
    $("pause").hidePopover();
    $("main").inert = false;
    resume();
  };
}

keep();
