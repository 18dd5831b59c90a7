// Single keys, off while something is typed and where the rater turned them off.

import { $ } from "./dom.js";

const KEY = "keys-off";

function isTyping(element) {
  return element.matches("textarea, input:not([type=radio], [type=checkbox]), select");
}

/** Whether a key means something to what has the focus: Enter on a button, a space on a box. */
function isTaken(key, element) {
  return key === "Enter" && element.matches("a, button, summary, [type=checkbox]");
}

function openSentences() {
  $("reading").open = true;
  $("sentences").open = true;
  $("sentence-list").querySelector("input")?.focus();
}

export function setUpKeys(does) {
  const actions = {
    ArrowDown: () => does.step(1),
    ArrowUp: () => does.step(-1),
    Enter: does.save,
    c: () => does.mark("none"),
    e: openSentences,
    n: () => $("note").focus(),
    r: does.toggle,
    s: does.skip,
    u: does.back,
    "?": () => $("keys").togglePopover(),
  };
  for (let digit = 0; digit < 10; digit += 1) actions[digit] = () => does.mark(String(digit));
  $("keys-on").checked = localStorage.getItem(KEY) === null;
  $("keys-on").addEventListener("change", () => {
    if ($("keys-on").checked) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, "yes");
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const single = event.key.length === 1;
    if (does.paused() || isTaken(event.key, event.target) || (single && !$("keys-on").checked)) return;
    const action = actions[single ? event.key.toLowerCase() : event.key];
    const reading = event.key.startsWith("Arrow") && !event.target.matches("input[type=radio]");
    // Arrows scroll the text unless the scale has the focus.
    if (!action || reading || document.querySelector("aside:popover-open:not(#keys)")) return;
    event.preventDefault();
    action();
  });
}
