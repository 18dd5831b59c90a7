// A personal link: its secret stands behind the # and so reaches no log; it is taken out at once.

import { $ } from "./dom.js";
import { post } from "./send.js";

const secret = location.hash.slice(1);

function say(title, line) {
  $("door-title").textContent = title;
  $("door-line").textContent = line;
}

async function enter() {
  history.replaceState(null, "", "/enter");
  try {
    location.replace((await post("/v1/enter", { token: secret })).next);
  } catch (problem) {
    say("Not here", problem.status ? problem.message : "The room cannot be reached. Open your link again in a moment.");
  }
}

if (secret) enter();
else if (location.pathname === "/enter") say("Rating room", "Open your personal link to come in. You can close this page.");
// The same tab may be given another link.
addEventListener("hashchange", () => location.reload());
document.documentElement.dataset.ready = "yes";
