"""check.py [PAGE...]: reads the documentation in headless Chromium, from its files, as a reader would.

Every page of build/docs/html and every page that a lesson wrote (build/docs/pages): nothing is
missing or fetched from elsewhere, the console stays silent, every link and anchor leads somewhere,
every formula is drawn, nothing is wider than a phone. Then the search, light and dark. With PAGEs
(parts of their names) only those pages are read. Exit code 1 and a line for each fault.
"""
import json
import os
import pathlib
import re
import shutil
import sys
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

ROOT = pathlib.Path("build/docs").resolve()
faults = []

# What a page looks like to its reader, once its formulas are drawn.
EXAMINE = r"""
const done = arguments[arguments.length - 1];
const loaded = then => document.readyState === "complete" ? then() : addEventListener("load", () => setTimeout(then));
const drawn = then => window.MathJax && MathJax.Hub ? MathJax.Hub.Queue(then) : then();
loaded(() => drawn(() => {
  for (const box of document.querySelectorAll("details")) box.open = true;
  const text = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), left = [];
  for (let node; (node = text.nextNode());)
    if (!node.parentElement.closest("script, style, pre, code, .fragment, .MathJax_SVG, #side-nav") &&
        /\\f[$([{]|\$\$|\\[(\[]|\\[a-zA-Z]+\{/.test(node.data)) left.push(node.data.trim().slice(0, 60));
  const formulas = [...document.querySelectorAll("script[type^='math/tex']")];
  const undrawn = formulas.filter(script => !script.previousElementSibling?.querySelector("svg"));
  const phone = document.documentElement.clientWidth;
  const content = document.getElementById("doc-content") || document.documentElement;
  const tooWide = [...document.querySelectorAll("body *")].filter(element =>
    element.getBoundingClientRect().right > phone + 1 && element.getClientRects().length &&
    !element.closest("#side-nav, #search-results"));
  done({
    links: [...document.querySelectorAll("a[href], area[href]")].map(a => a.getAttribute("href") || a.href.baseVal)
      .concat([...document.querySelectorAll("svg a")].map(a => a.getAttribute("href") || a.getAttribute("xlink:href") || "")),
    anchors: [...document.querySelectorAll("[id], a[name]")].flatMap(e => [e.id, e.getAttribute("name")]).filter(Boolean),
    formulas: formulas.length,
    undrawn: undrawn.map(script => script.text.slice(0, 60)).concat(left),
    errors: document.querySelectorAll(".MathJax_Error, .merror, .MathJax_Preview:not(:empty)").length,
    overflow: Math.max(content.scrollWidth - content.clientWidth, document.documentElement.scrollWidth - phone),
    widest: tooWide.slice(0, 1).map(e => e.outerHTML.slice(0, 90)).join(),
    title: document.querySelector(".title")?.textContent.trim() || document.title,
    address: location.href.split("#")[0],
  });
}));
"""

# The smallest contrast between a text and the colour behind it (WCAG: at least 4.5).
CONTRAST = r"""
const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const colour = text => text.match(/[\d.]+/g).map(Number);
const behind = e => { for (; e; e = e.parentElement) {
  const c = colour(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0.5) return c; } return [255, 255, 255]; };
let worst = [99, ""];
for (const e of document.querySelectorAll(`.contents :is(h1, h2, h3, p, li, a, td, dd, b, small, code, pre, summary, figcaption), .title, #nav-tree a, .fragment span`)) {
  if (!e.getClientRects().length || !e.textContent.trim()) continue;
  const a = light(colour(getComputedStyle(e).color)), b = light(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < worst[0]) worst = [ratio, e.outerHTML.slice(0, 90)];
}
return [light(behind(document.querySelector(".contents"))), ...worst];
"""


def fault(page, what):
    faults.append(f"{page}: {what}")


def start():
    options = Options()
    for argument in ("--headless=new", "--disable-gpu", "--hide-scrollbars", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_script_timeout(30)
    return driver


def screen(driver, width, height, scheme="light"):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})


def read(driver, path):
    """Opens a page; faults of its loading are noted, what EXAMINE found is returned."""
    name = str(path.relative_to(ROOT))
    driver.get(path.as_uri())
    seen = driver.execute_async_script(EXAMINE)
    if seen["address"] != path.as_uri():
        fault(name, f"leads away, to {seen['address']}")
    for entry in driver.get_log("browser"):
        fault(name, f"console: {entry['message'][:300]}")
    requests = {}
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        parameters = message["params"]
        if message["method"] == "Network.requestWillBeSent":
            url = requests[parameters["requestId"]] = parameters["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:")):
                fault(name, f"asks the network for {url[:200]}")
        elif message["method"] == "Network.loadingFailed" and not parameters.get("canceled"):
            fault(name, f"missing: {requests.get(parameters['requestId'], '?')[-200:]}")
    if seen["undrawn"] or seen["errors"]:
        fault(name, f"a formula was not drawn: {'; '.join(seen['undrawn'][:3]) or seen['errors']}")
    if seen["overflow"] > 0:
        fault(name, f"{seen['overflow']} pixels wider than a phone of 390: {seen['widest']}")
    return seen


def follow(pages):
    """Every link of every page leads to a file that is there, and to an anchor in it."""
    count, anchors = 0, {}
    for path, seen in pages.items():
        for link in sorted(set(seen["links"])):
            url = urllib.parse.urljoin(path.as_uri(), link)
            address, _, anchor = url.partition("#")
            if link.startswith("javascript:") or not address.startswith("file:"):
                continue
            count += 1
            target = pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(address).path))
            name = path.relative_to(ROOT)
            if not target.is_file():
                fault(name, f"broken link: {link}")
            elif anchor and target.suffix == ".html":
                if target not in anchors:
                    written_there = re.findall(r'\b(?:id|name)="([^"]+)"', target.read_text("utf-8"))
                    anchors[target] = {*written_there, *pages.get(target, {"anchors": ()})["anchors"]}
                if urllib.parse.unquote(anchor) not in anchors[target]:
                    fault(name, f"broken link: nothing is called {anchor} in {target.name}")
    return count


def written(paths):
    """The pages that somebody wrote as a text: all but those of the API."""
    return [path for path in paths if path.parent.name == "html"
            and not re.search(r"_8h$|_8cpp$|^dir_|^class|^struct|^files$|^annotated$", path.stem)]


def search(driver, pages):
    """The title of every written page, some words of the API, and words deep in a text lead there."""
    home = ROOT / "html/index.html"
    wanted = [(pages[path]["title"], path.name) for path in written(pages) if path != home]
    wanted += [("softmax", "softmax_8h.html"), ("transpose two axes", "ops_2shape_8h.html"),
               ("LayerNorm", "classgradus_1_1nn_1_1LayerNorm.html"), ("rounded twice", "decisions.html")]
    screen(driver, 1280, 900)
    driver.get(home.as_uri())
    field = driver.find_element(By.ID, "search")
    for words, page in wanted:
        field.clear()
        field.send_keys(words)
        found = [link.get_attribute("href").rpartition("/")[2].partition("#")[0]
                 for link in driver.find_elements(By.CSS_SELECTOR, "#search-results a")]
        if page not in found[:5]:
            fault("search", f'"{words}" finds {", ".join(found[:5]) or "nothing"} instead of {page}')
    field.clear()
    driver.find_element(By.TAG_NAME, "body").click()
    driver.find_element(By.TAG_NAME, "body").send_keys("/")
    driver.switch_to.active_element.send_keys("matmul", Keys.ARROW_DOWN, Keys.ENTER)
    time.sleep(0.3)
    if driver.current_url.partition("#")[0] == home.as_uri():
        fault("search", "the keys /, arrow and Enter open no result")
    return len(wanted)


def contrast(driver, path):
    """Every text of an open page stands out from what is behind it, in light and in dark."""
    for scheme, is_right in (("light", lambda light: light > 0.8), ("dark", lambda light: light < 0.1)):
        screen(driver, 390, 844, scheme)
        for _ in range(20):
            page, worst, where = driver.execute_script(CONTRAST)
            if is_right(page):
                break
            time.sleep(0.1)
        else:
            fault(path.name, f"is not {scheme}")
        if worst < 4.5:
            fault(path.name, f"{scheme}: contrast {worst:.1f} at {where}")


def toggle(driver, path):
    screen(driver, 1280, 900, "dark")
    driver.get(path.as_uri())
    driver.find_element(By.CSS_SELECTOR, "doxygen-awesome-dark-mode-toggle").click()
    if driver.execute_script(CONTRAST)[0] < 0.8:
        fault(path.name, "the button does not make a dark page light")
    driver.execute_script("localStorage.clear()")


def contents(driver, path):
    screen(driver, 390, 844)
    driver.get(path.as_uri())
    driver.find_element(By.ID, "contents-button").click()
    links = [link for link in driver.find_elements(By.CSS_SELECTOR, "#nav-tree a") if link.text == "Lessons"]
    if not links or not links[0].is_displayed():
        fault(path.name, "the contents cannot be reached on a phone")


def read_all(paths):
    """Reads these pages in a browser of their own: {path: what was seen}."""
    browser, pages = start(), {}
    try:
        for path in paths:
            screen(browser, 390, 844)
            pages[path] = read(browser, path)
            if written([path]) or path.name == "ops_2shape_8h.html":
                contrast(browser, path)
    finally:
        browser.quit()
    return pages


begin = time.monotonic()
paths = sorted([*(ROOT / "html").glob("*.html"), *(ROOT / "pages").glob("*.html")])
paths = [path for path in paths if not sys.argv[1:] or any(part in path.name for part in sys.argv[1:])]
if not paths:
    sys.exit("There is no page to read: make docs")
with ThreadPoolExecutor(2) as readers:
    halves = list(readers.map(read_all, (paths[::2], paths[1::2])))
pages = halves[0] | halves[1]
links = follow(pages)
searches = 0
if not sys.argv[1:]:
    browser = start()
    try:
        searches = search(browser, pages)
        toggle(browser, ROOT / "html/index.html")
        contents(browser, ROOT / "html/ops.html")
    finally:
        browser.quit()
print(*sorted(faults), sep="\n", end="\n" if faults else "")
print(f"{len(paths)} pages, {links} links, {sum(seen['formulas'] for seen in pages.values())} formulas, {searches} searches: "
      f"{len(faults)} faults ({time.monotonic() - begin:.0f} s)")
sys.exit(1 if faults else 0)
