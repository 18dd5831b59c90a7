"""What tests of pages ask a browser."""

CONTRAST = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
      if (alpha !== 0) throw new Error("half-transparent ground");
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if ((!own && !element.placeholder) || !element.checkVisibility()) continue;
    const pseudo = own ? undefined : "::placeholder";
    const [a, b] = [channels(getComputedStyle(element, pseudo).color).slice(0, 3), ground(element)]
      .map(light).sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), element.outerHTML.slice(0, 90)]);
  }
  return found;
}"""
"""Contrast of each visible text with its ground, WCAG 2, and the element's beginning."""
