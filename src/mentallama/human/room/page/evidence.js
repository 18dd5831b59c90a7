// Evidence: passages of the post that the rater marks. Offsets are code points of the post as it
// was given; strings here are UTF-16.

import { $, make } from "./dom.js";

/** Where each code point begins in UTF-16, and the end. */
function listStarts(text) {
  const starts = [];
  let at = 0;
  for (const point of text) {
    starts.push(at);
    at += point.length;
  }
  starts.push(at);
  return starts;
}

/** Join passages that overlap or touch. */
function merge(spans) {
  const merged = [];
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = merged[merged.length - 1];
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

export class Evidence {
  constructor(post, sentences, changed) {
    this.post = post;
    this.sentences = sentences;
    this.changed = changed;
    this.starts = listStarts(post);
    this.spans = [];
    this.boxes = sentences.map((span) => this.#makeBox(span));
    this.draw();
    for (const kind of ["mouseup", "touchend"]) document.addEventListener(kind, () => setTimeout(() => this.#takeSelection()));
  }

  set(spans) {
    this.spans = merge(spans);
    this.draw();
  }

  cut([start, end]) {
    return this.post.slice(this.starts[start], this.starts[end]);
  }

  draw() {
    const parts = [];
    let at = 0;
    for (const span of this.spans) {
      parts.push(this.cut([at, span[0]]), make("mark", {}, this.cut(span)));
      at = span[1];
    }
    parts.push(this.cut([at, this.starts.length - 1]));
    $("post").replaceChildren(...parts);
    $("marked").replaceChildren(...this.spans.map((span) => this.#makeChip(span)));
    this.boxes.forEach((box, index) => (box.checked = this.#covers(this.sentences[index])));
  }

  #covers([start, end]) {
    return this.spans.some((span) => span[0] <= start && end <= span[1]);
  }

  #makeBox(span) {
    const box = make("input", { type: "checkbox", onchange: () => this.#toggle(span, box.checked) });
    $("sentence-list").append(make("li", {}, make("label", {}, box, make("span", {}, this.cut(span)))));
    return box;
  }

  #makeChip(span) {
    const words = this.cut(span);
    const short = words.length > 32 ? `${words.slice(0, 30).trimEnd()}\u2026` : words;
    return make("button", { type: "button", class: "chip", title: "Take this mark away", onclick: () => this.#remove(span) }, make("span", { class: "hidden" }, "Take away: "), `\u201c${short}\u201d \u00d7`);
  }

  #toggle([start, end], on) {
    if (on) this.#add([start, end]);
    else {
      // A part of a longer mark is cut out of it.
      const left = this.spans.flatMap(([from, to]) => [[from, Math.min(to, start)], [Math.max(from, end), to]]);
      this.#replace(left.filter(([from, to]) => from < to && this.cut([from, to]).trim()));
    }
  }

  #add(span) {
    this.#replace(merge([...this.spans, span]));
  }

  #remove(span) {
    this.#replace(this.spans.filter((one) => one !== span));
    ($("marked").querySelector("button") ?? $("reading").querySelector("summary")).focus();
  }

  #replace(spans) {
    this.spans = spans;
    this.draw();
    this.changed();
  }

  /** Mark what is selected, where that lies within the post. */
  #takeSelection() {
    const selection = getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return;
    const range = selection.getRangeAt(0);
    if (!$("post").contains(range.commonAncestorContainer)) return;
    const before = document.createRange();
    before.setStart($("post"), 0);
    before.setEnd(range.startContainer, range.startOffset);
    const text = range.toString();
    const lead = text.length - text.trimStart().length;
    const start = before.toString().length + lead;
    const span = [this.#pointAt(start), this.#pointAt(start + text.trim().length)];
    if (span[0] >= span[1]) return;
    selection.removeAllRanges();
    this.#add(span);
  }

  /** The code point in which a UTF-16 offset lies. */
  #pointAt(offset) {
    const found = this.starts.findIndex((start) => start >= offset);
    return found < 0 ? this.starts.length - 1 : found;
  }
}
