// How often each label was given, per question: a table whose rows carry a bar.

import { about } from "./api.js";
import { draw, make, plural } from "./dom.js";
import { nameQuestion } from "./verdicts.js";

const NONE = "no label";

/** Count labels per question over replies; a question's labels stand in the task's order. */
export function countLabels(replies) {
  const questions = new Map();
  for (const found of replies.flatMap((reply) => reply.analyses)) {
    const key = `${found.task}\n${found.aspect ?? ""}`;
    if (!questions.has(key)) questions.set(key, { ...nameQuestion(found), counts: startCounts(found.task) });
    const counts = questions.get(key).counts;
    const name = found.label === null ? NONE : (about.tasks[found.task]?.labels[found.label] ?? found.label);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...questions.values()];
}

function startCounts(task) {
  const labels = Object.values(about.tasks[task]?.labels ?? {});
  return new Map([...labels, NONE].map((name) => [name, 0]));
}

export function drawSummary(replies, failed, link) {
  const posts = `${plural(replies.length, "post")} analysed${failed ? `, ${failed} not` : ""}.`;
  return [
    make("h2", {}, "The file"),
    make("p", {}, posts, " ", link),
    make("p", { class: "soft" }, "How often each label was given. Labels describe texts as this model reads them; these are no rates of any condition."),
    make("div", { class: "plots" }, ...countLabels(replies).map((one) => drawQuestion(one, replies.length))),
  ];
}

function drawQuestion({ title, aspect, counts }, total) {
  const rows = [...counts].map(([name, count]) =>
    make(
      "tr",
      { class: name === NONE ? "none" : null },
      make("th", { scope: "row" }, name),
      make("td", { class: "bars" }, drawBar(count / total)),
      make("td", {}, String(count)),
    ),
  );
  const head = make("tr", {}, make("th", { scope: "col" }, "Label"), make("td"), make("th", { scope: "col" }, "Posts"));
  return make(
    "table",
    { class: "card plot" },
    make("caption", {}, title, " ", aspect && make("span", { class: "aspect" }, aspect)),
    make("thead", { class: "hidden" }, head),
    make("tbody", {}, ...rows),
  );
}

function drawBar(share) {
  return draw(
    "svg",
    { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    draw("rect", { class: "ground", width: 100, height: 10 }),
    draw("rect", { class: "fill", width: (share * 100).toFixed(2), height: 10 }),
  );
}
