// Least contrast of what can be read now: [[contrast, text, element]], the worst first. Colours of half-transparent layers
// are mixed with what is under them.
() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, i) => value * a + under[i] * (1 - a));
  const ground = (element) => {
    const layers = [];
    for (let node = element; node; node = node.parentElement) layers.push(parse(getComputedStyle(node).backgroundColor));
    const scheme = matchMedia('(prefers-color-scheme: dark)').matches ? [0, 0, 0] : [255, 255, 255];
    return layers.reverse().reduce((under, layer) => over(layer, under), scheme);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => value / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (text === '' || element.closest('noscript, script') || !element.checkVisibility()) continue;
    const under = ground(element);
    found.push([contrast(over(parse(getComputedStyle(element).color), under), under), text.slice(0, 40), element.tagName]);
  }
  // Charts are painted: their texts need as much, their lines 3.
  const style = getComputedStyle(document.documentElement);
  const hex = (name) => style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi).map((two) => parseInt(two, 16));
  found.push([contrast(hex('--soft'), hex('--card')), 'ticks of charts', 'CANVAS']);
  found.push([contrast(hex('--text'), hex('--card')), 'tooltips of charts', 'CANVAS']);
  for (let i = 0; i < 6; ++i) found.push([1.5 * contrast(hex(`--series-${i}`), hex('--card')), `line ${i} (counts 1.5 times)`, 'CANVAS']);
  return found.sort(([a], [b]) => a - b);
}
