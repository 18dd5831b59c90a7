// The lead's page: numbers that keep up, and letting a rater go.

import { $ } from "./dom.js";
import { post, Problem } from "./send.js";
import "./page.js";

const EVERY = 15000;

/** Take the numbers of a fresh page. */
async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) throw new Problem(answer.status, "The room did not answer as it should.");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  $("numbers").replaceChildren(...fresh.getElementById("numbers").childNodes);
}

async function follow() {
  const busy = document.hidden || $("sure").open || $("numbers").contains(document.activeElement);
  if (!$("follow").checked || busy) return;
  try {
    await refresh();
    $("problem").textContent = "";
  } catch {
    $("problem").textContent = "These numbers are not fresh: the room cannot be reached.";
  }
}

function ask(button) {
  const { drop, open } = button.dataset;
  $("sure-yes").dataset.name = drop;
  $("sure-text").textContent = `What ${drop} rated stays. The ${open} open items go to the other raters, evenly, and the link of ${drop} stops working. This cannot be undone.`;
  $("sure").showModal();
}

async function drop() {
  $("sure").close();
  const name = $("sure-yes").dataset.name;
  try {
    const done = await post("/v1/drop", { name });
    $("problem").textContent = "";
    await refresh();
    $("status").textContent = `${name} has left; ${done.reassigned} items were given to others.`;
  } catch (problem) {
    $("problem").textContent = `${name} was not let go: ${problem.message}`;
  }
}

$("numbers").addEventListener("click", (event) => {
  const button = event.target.closest("[data-drop]");
  if (button) ask(button);
});
$("sure-yes").addEventListener("click", drop);
$("sure-no").addEventListener("click", () => $("sure").close());
setInterval(follow, EVERY);
document.documentElement.dataset.ready = "yes";
