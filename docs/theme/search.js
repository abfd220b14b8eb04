// Search in the full text of all pages. The index is a script (searchindex.js, written by
// docs/site/finish.py), because a page opened from a file may not fetch anything else:
// GRADUS_INDEX = [[url, title, page, text], ...], one entry for each section or declaration.

(() => {
  const field = document.getElementById("search");
  const panel = document.createElement("div");
  panel.id = "search-results";
  panel.setAttribute("role", "listbox");
  panel.hidden = true;
  document.body.append(panel);

  const entries = GRADUS_INDEX.map(([url, title, page, text]) =>
    ({ url, title, page, text, inTitle: title.toLowerCase(), inPage: page.toLowerCase(), inText: text.toLowerCase() }));
  const isWordStart = (text, at) => at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]);

  // How well one word fits an entry; 0 if it is nowhere in it.
  function fit(entry, word) {
    if (entry.inTitle === word) return 40;
    const at = entry.inTitle.indexOf(word);
    if (at >= 0) return isWordStart(entry.inTitle, at) ? 20 : 8;
    if (entry.inPage.includes(word)) return 5;
    const found = entry.inText.split(word).length - 1;
    return found === 0 ? 0 : 1 + Math.min(found, 10) / 5;
  }

  // Entries with all words come first, the best of them at the top; then those with some.
  function find(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean), hits = [];
    for (const entry of entries) {
      const fits = words.map(word => fit(entry, word)), present = fits.filter(Boolean).length;
      if (present === 0) continue;
      const phrase = words.length > 1 && (entry.inTitle + " " + entry.inText).includes(words.join(" "));
      const score = fits.reduce((sum, x) => sum + x, 0) + (phrase ? 10 : 0) + (entry.page ? 0 : 3);
      hits.push({ entry, present, score });
    }
    return { words, hits: hits.sort((a, b) => b.present - a.present || b.score - a.score) };
  }

  // The text around the first word found in it, with the words marked.
  function excerpt(entry, words) {
    const places = words.map(word => entry.inText.indexOf(word)).filter(at => at >= 0);
    const first = places.length ? Math.min(...places) : 0;
    const start = first < 50 ? 0 : entry.text.indexOf(" ", first - 45) + 1;
    const line = document.createElement("span");
    line.append((start ? "… " : "") + entry.text.slice(start, start + 140) + (entry.text.length > start + 140 ? " …" : ""));
    mark(line, words);
    return line;
  }

  function mark(element, words) {
    const escaped = words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    const parts = element.textContent.split(new RegExp(`(${escaped.join("|")})`, "i"));
    element.replaceChildren(...parts.map((part, i) => {
      if (i % 2 === 0) return part;
      const marked = document.createElement("mark");
      marked.textContent = part;
      return marked;
    }));
  }

  let chosen = -1;
  function choose(index) {
    const links = [...panel.querySelectorAll("a")];
    if (!links.length) return;
    chosen = (index + links.length) % links.length;
    links.forEach((link, i) => link.classList.toggle("chosen", i === chosen));
    links[chosen].scrollIntoView({ block: "nearest" });
  }

  function show() {
    chosen = -1;
    panel.hidden = !field.value.trim();
    if (panel.hidden) return;
    const { words, hits } = find(field.value);
    panel.replaceChildren(...hits.slice(0, 20).map(({ entry }) => {
      const link = document.createElement("a"), title = document.createElement("b"), page = document.createElement("small");
      link.href = entry.url;
      link.setAttribute("role", "option");
      title.textContent = entry.title;
      mark(title, words);
      page.textContent = entry.page;
      link.append(title, page, excerpt(entry, words));
      return link;
    }));
    const count = document.createElement("p");
    count.textContent = hits.length === 0 ? "Nothing found." : hits.length <= 20 ? "" : `The best 20 of ${hits.length} places.`;
    if (count.textContent) panel.append(count);
  }

  field.addEventListener("input", show);
  field.addEventListener("focus", show);
  field.addEventListener("keydown", event => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen < 0 ? -1 : chosen - 1);
    else if (event.key === "Enter") panel.querySelectorAll("a")[Math.max(chosen, 0)]?.click();
    else if (event.key === "Escape") { field.value = ""; show(); field.blur(); }
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", event => {
    if (event.key !== "/" || event.target.closest("input, textarea")) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  document.addEventListener("click", event => {
    if (event.target === field) return;
    if (!panel.contains(event.target) || event.target.closest("a")) panel.hidden = true;
  });
})();
