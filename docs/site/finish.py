"""finish.py DIRECTORY: what Doxygen leaves to do in the pages it wrote.

Graphs drawn by \\dot move into the page, where they follow its colours; chapters get links to the
previous and the next one; every section and every declaration enters the index of the search.
"""
import html
import json
import pathlib
import re
import sys

NOT_INDEXED = re.compile(r"dir_|files\.|annotated\.")
SUPERFLUOUS = re.compile(r"pages\.|graph_legend|.*-members\.")


def plain(markup):
    """The text a reader sees, formulas as they were typed."""
    markup = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", markup, flags=re.S)
    markup = re.sub(r"</?(?:a|b|code|em|i|span|strong)\b[^>]*>", "", markup)
    markup = re.sub(r"\\[()\[\]]", " ", re.sub(r"<[^>]+>", " ", markup))
    return re.sub(r"\s+", " ", html.unescape(markup)).strip()


def between(text, start, end):
    return text.partition(start)[2].partition(end)[0]


def title_of(page):
    return plain(re.sub(r'<(div class="ingroups"|span class="mlabels").*', "", between(page, '<div class="title">', "</div>"), flags=re.S))


def with_short_title(page):
    """"gradus::Array Class Reference" is Array; of the two shape.h, one is gradus/ops/shape.h."""
    page = re.sub(r'  <div class="summary">.*?</div>\n', "", page, flags=re.S)
    if '<table class="memberdecls">' in page or '<div class="directory">' in page:
        page = page.replace(">gradus::", ">")
    reference = r" (?:Class|Struct|Union|File|Directory)(?: Template)? Reference"
    if re.search(r'<div class="title">[^<]* File Reference', page):
        rooms = [plain(room) for room in re.findall(r'<li class="navelem">(.*?)</li>', page)]
        page = re.sub(r'(<div class="title">)([^<]*)', lambda m: m[1] + "/".join(rooms), page, count=1)
    return re.sub(rf'(<title>[^<]*?|<div class="title">[^<]*?){reference}', r"\1", page)


def with_graphs(page, directory):
    def graph(found):
        svg = (directory / found.group(1)).read_text(encoding="utf-8")
        prefix = pathlib.Path(found.group(1)).stem  # an id may stand only once on a page
        return re.sub(r'\bid="([^"]+)"', rf'id="{prefix}_\1"', svg[svg.index("<svg"):])
    return re.sub(r'<iframe[^>]*?src="([^"]+\.svg)"[^>]*>.*?</iframe>', graph, page, flags=re.S)


def with_neighbours(page, previous, following):
    links = [f'<a class="{word.lower()}" href="{name}"><small>{word}</small> {html.escape(title)}</a>'
             for word, (name, title) in (("Previous", previous), ("Next", following)) if name]
    end = "</div></div><!-- contents -->"
    return page.replace(end, f'<nav class="neighbours">{"".join(links)}</nav>{end}')


def section_entries(name, title, body):
    for section in re.split(r'(?=<h[1-4]>\s*<a class="anchor"|<dt>\s*<a class="anchor")', body)[1:]:
        anchor = re.search(r'id="([^"]+)"', section).group(1)
        heading, _, text = re.sub(r"\A<(h\d|dt)>", "", section).partition("</h" if section.startswith("<h") else "</dt")
        yield [f"{name}#{anchor}", plain(heading), title, plain("<" + text)]


def declaration_entries(name, title, body):
    """A declaration has a row in the overview of its page and, if there is more to say, a box."""
    boxes = {between(box, 'href="#', '"'): plain(between(box, '<div class="memdoc">', "\n</div>\n</div>"))
             for box in body.split('<h2 class="memtitle">')[1:]}
    for row in body.split('<tr class="memitem:')[1:]:
        anchor = row.partition('"')[0]
        declared = between(row, '<td class="memItemRight"', "</td>").partition(">")[2]
        called = re.search(r'<b>(.*?)</b>|<a class="el" href="[^"]*#' + anchor + r'">(.*?)</a>', declared)
        if called and " inherit " not in anchor:
            brief = plain(between(row, '<td class="mdescRight">', "</td>"))
            called = plain(called.group(1) or called.group(2)).rpartition("::")[2]
            yield [f"{name}#{anchor}", called, title, plain(declared) + ": " + boxes.get(anchor, brief)]


def index_entries(name, page):
    """[url, title, page, text] of a page and of all that can be found in it."""
    title = title_of(page)
    body = between(page, '<div class="contents">', "</div><!-- contents -->")
    body = re.sub(r"<hr\s*/?>The documentation for this .*", "", body, flags=re.S)
    body = re.sub(r'<nav class="neighbours">.*?</nav>|<div class="toc">.*?</div>', "", body, flags=re.S)
    if '<table class="memberdecls">' in body:
        about = between(body + "<h2", "Detailed Description</h2>", "<h2") or body.partition("<table")[0]
        yield [name, title, "", plain(about)]
        yield from declaration_entries(name, title, body)
    else:
        yield [name, title, "", plain(re.split(r'<h[1-4]>\s*<a class="anchor"', body)[0])]
        yield from section_entries(name, title, body)


def with_rooms(page, pages, index):
    """The tables of docs/api.md: each header of a room, what it is about, and what it declares."""
    headers = {title_of(text): name for name, text in pages.items() if name.endswith("_8h.html")}
    missing = set(headers)

    def declared(name):
        links = {plain(text).rpartition("::")[2]: url for url, text in re.findall(
            r'<tr class="memitem:"><td[^>]*>(?:class|struct)[^<]*</td><td[^>]*><a class="el" href="([^"]+)">(.*?)</a>', pages[name])}
        for url, title, *_ in index:
            if url.startswith(name + "#"):
                links.setdefault(title, url)
        return " ".join(f'<a href="{url}">{html.escape(title)}</a>' for title, url in links.items())

    def room(found):
        rows = []
        for wanted in found.group(1).split():
            for header in sorted(headers):
                if header == "gradus/" + wanted or (wanted.endswith("/") and header.startswith("gradus/" + wanted)):
                    missing.discard(header)
                    name = headers[header]
                    about = plain(between(pages[name], '<div class="contents">', "<a ")) or plain(between(pages[name], '<div class="textblock">', "</div>"))
                    rows.append(f'<dt><a href="{name}">{header}</a> <span>{html.escape(about)}</span></dt><dd>{declared(name)}</dd>')
        return f'<dl class="room">{"".join(rows)}</dl>'
    page = re.sub(r'<div class="room" title="([^"]*)"></div>', room, page)
    if missing:
        sys.exit(f"docs/api.md: no room for {', '.join(sorted(missing))}")
    return page


def with_links(page, links):
    """`matmul` and `matmul(a, b)` in a text become links to their declaration."""
    def link(found):
        url = links.get(found.group(1))
        return f'<a class="code" href="{url}">{found.group(0)}</a>' if url else found.group(0)
    text, code = r"<code>(\w+)(?:\([^<]*\))?</code>", r"<a\b.*?</a>"
    return re.sub(rf"{code}|{text}", lambda m: link(m) if m.group(1) else m.group(0), page, flags=re.S)


directory = pathlib.Path(sys.argv[1])
for path in directory.glob("*.html"):
    if SUPERFLUOUS.match(path.name):
        path.unlink()
pages = {path.name: with_short_title(path.read_text(encoding="utf-8")) for path in sorted(directory.glob("*.html"))}
chapters = [(name, title_of(page)) for name, page in pages.items() if re.fullmatch(r"lesson_\d\d\.html", name)]
around = [(None, None), *chapters, (None, None)]
index = [entry for name, page in pages.items() if not NOT_INDEXED.match(name) for entry in index_entries(name, page)]
for i, (name, _) in enumerate(chapters):
    pages[name] = with_neighbours(pages[name], around[i], around[i + 2])
pages["api.html"] = with_rooms(pages["api.html"], pages, index)
declarations = {title: url for url, title, _, _ in reversed(index) if re.match(r"\w+_8h\.html#", url)}
declarations |= {title: url for url, title, page, _ in index if not page and re.match("class|struct", url)}
for name, page in pages.items():
    if not re.search(r"\\[(\[]", between(page, '<div class="contents">', "<!-- contents -->")):
        page = re.sub(r'<script type="text/x-mathjax-config">.*?MathJax.js"></script>\n', "", page, flags=re.S)  # no formula
    if not re.search(r"_8h\.html$|^(class|struct|dir_)", name):
        page = with_links(page, declarations)
    page = re.sub(r'"(\w+)\.html#(?:md_docs_)?\1"', r'"\1.html"', with_graphs(page, directory))  # a link to a whole page
    (directory / name).write_text(page, encoding="utf-8")
entries = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
(directory / "searchindex.js").write_text(f"const GRADUS_INDEX = {entries};\n", encoding="utf-8")
