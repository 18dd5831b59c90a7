// Help for somebody who may be at risk. No label depends on it.

import { about, post } from "./api.js";
import { $, make } from "./dom.js";

/** Ask whether help should be shown beside a post, and show it. */
export async function showSupport(text, signal) {
  let found = null;
  try {
    found = (await post("/v1/support", { text, locale: about.locale }, signal)).support;
  } catch {
    // The line at the foot of the page stands there in any case.
  }
  if (signal.aborted) return;
  $("support").replaceChildren(...(found ? [drawPanel(found)] : []));
}

function drawPanel(found) {
  return make(
    "aside",
    { class: "help", "aria-label": found.title },
    make("h2", {}, found.title),
    make("p", {}, found.message),
    make("ul", {}, ...found.lines.map(drawLine)),
    make("p", { class: "soft" }, found.sourced),
  );
}

function drawLine(line) {
  const safe = line.url && /^(https?:|tel:|sms:|mailto:)/i.test(line.url);
  return make(
    "li",
    {},
    make("strong", {}, line.name),
    make("span", { class: "contact" }, line.contact),
    make("span", {}, [line.where, line.hours].filter(Boolean).join(" \u00b7 ")),
    safe && make("a", { href: line.url, rel: "noreferrer noopener", target: "_blank" }, "Website", make("span", { class: "hidden" }, ` of ${line.name}`)),
  );
}
