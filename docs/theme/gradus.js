// What the pages do beside being read; search.js has the search.

// Doxygen 1.9.4 leaves snippets as far to the right as they stood in the source: the indentation that
// all lines of one share is taken away.
for (const fragment of document.querySelectorAll("div.fragment")) {
  const lines = [...fragment.querySelectorAll(":scope > .line")].filter(line => line.textContent.trim());
  const indent = Math.min(...lines.map(line => line.textContent.match(/^[ \u00a0]*/)[0].length));
  for (const line of lines) {
    const texts = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    for (let left = indent; left > 0 && texts.nextNode();) {
      const taken = Math.min(left, texts.currentNode.data.match(/^[ \u00a0]*/)[0].length);
      texts.currentNode.data = texts.currentNode.data.slice(taken);
      left = taken > 0 ? left - taken : texts.currentNode.data ? 0 : left;
    }
  }
}

// The button for light and dark.
const toggle = document.querySelector("doxygen-awesome-dark-mode-toggle");
const refresh = () => toggle.updateIcon();
refresh();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
document.addEventListener("visibilitychange", refresh);
toggle.addEventListener("keydown", event => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  toggle.toggleDarkMode();
});

// On a phone the contents lie behind a button.
const contents = document.getElementById("contents-button");
const showContents = shown => {
  document.body.classList.toggle("contents-shown", shown);
  contents.setAttribute("aria-expanded", shown);
};
contents.addEventListener("click", () => showContents(!document.body.classList.contains("contents-shown")));
document.addEventListener("keydown", event => { if (event.key === "Escape") showContents(false); });
document.getElementById("side-nav").addEventListener("click", event => {
  if (event.target.closest("a[href]:not([href^='javascript'])")) showContents(false);
});

// A link to a place inside a closed box opens the box.
const openTarget = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const box = target && target.closest("details");
  if (box) { box.open = true; target.scrollIntoView(); }
};
addEventListener("hashchange", openTarget);
openTarget();
