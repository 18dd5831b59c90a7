// What every page does: leaving the room.

import { $ } from "./dom.js";
import { post } from "./send.js";

$("leave")?.addEventListener("click", leave);

/** Forget this browser's link, and what this tab kept. */
export async function leave() {
  sessionStorage.clear();
  try {
    await post("/v1/leave", {});
  } finally {
    location.assign("/enter");
  }
}
