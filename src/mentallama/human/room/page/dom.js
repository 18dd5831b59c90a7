// Elements are found and made here; text gets in as text and as nothing else.

export const $ = (id) => document.getElementById(id);

export const read = (id) => JSON.parse($(id).textContent);

export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}
