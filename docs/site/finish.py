"""finish.py DIRECTORY: what Doxygen leaves to do in the pages it wrote.

Titles become short, graphs drawn by \\dot move into their page, chapters get links to the previous and
the next one, names in texts become links, docs/api.md its tables, and the search its index.
"""
import html
import json
import pathlib
import re
import sys

from index import between, entries, plain, title_of

# A list of members says nothing that the page of the class does not.
SUPERFLUOUS = re.compile(r"pages\.|graph_legend|.*-members\.")
LIST = re.compile(r"dir_|files\.|annotated\.")
API = re.compile(r".*_8h\.|class|struct|dir_")


def with_short_title(page):
    """"gradus::Array Class Reference" is Array; of the two shape.h, one is gradus/ops/shape.h."""
    page = re.sub(r'  <div class="summary">.*?</div>\n', "", page, flags=re.S)
    if re.search(r'<table class="memberdecls">|<div class="directory">|<div class="title">gradus::', page):
        page = page.replace(">gradus::", ">")
    if re.search(r'<div class="title">[^<]* File Reference', page):
        path = "/".join(plain(room) for room in re.findall(r'<li class="navelem">(.*?)</li>', page))
        page = re.sub(r'(<div class="title">)[^<]*', rf"\g<1>{path}", page, count=1)
    reference = r" (?:Class|Struct|Union|File|Directory)(?: Template)? Reference"
    return re.sub(rf'(<title>[^<]*?|<div class="title">[^<]*?){reference}', r"\1", page)


def with_neighbours(page, previous, following):
    links = [f'<a class="{word.lower()}" href="{name}"><small>{word}</small> {html.escape(title)}</a>'
             for word, (name, title) in (("Previous", previous), ("Next", following)) if name]
    end = "</div></div><!-- contents -->"
    return page.replace(end, f'<nav class="neighbours">{"".join(links)}</nav>{end}')


def with_rooms(page, pages, index):
    """The tables of docs/api.md: each header of a room, what it is about, and what it declares."""
    headers = {title_of(text): name for name, text in pages.items() if name.endswith("_8h.html")}
    homeless = set(headers)
    class_row = re.compile(r'<tr class="memitem:"><td[^>]*>(?:class|struct)[^<]*</td><td[^>]*>'
                           r'<a class="el" href="([^"]+)">(.*?)</a>')

    def entry(header):
        name = headers[header]
        homeless.discard(header)
        body = between(pages[name], '<div class="contents">', "<!-- contents -->")
        about = plain(body.partition("<a ")[0]) or plain(between(body, '<div class="textblock">', "</div>"))
        links = {plain(called): url for url, called in class_row.findall(body)}
        for url, title, *_ in index:
            if url.startswith(name + "#"):
                links.setdefault(title, url)
        declared = " ".join(f'<a href="{url}">{html.escape(called)}</a>' for called, url in links.items())
        return f'<dt><a href="{name}">{header}</a> <span>{html.escape(about)}</span></dt><dd>{declared}</dd>'

    def room(found):
        wanted = ["gradus/" + name for name in found.group(1).split()]
        rows = [entry(header) for name in wanted for header in sorted(headers)
                if header == name or (name.endswith("/") and header.startswith(name))]
        return f'<dl class="room">{"".join(rows)}</dl>'

    page = re.sub(r'<div class="room" title="([^"]*)"></div>', room, page)
    if homeless:
        sys.exit(f"docs/api.md: no room for {', '.join(sorted(homeless))}")
    return page


def with_links(page, declared, chapters):
    """In a text, `matmul(a, b)` becomes a link to its declaration, and lesson 7 one to its chapter."""
    elsewhere = (r"<(a|h\d|title|script|summary)\b.*?</\1>|<div class=\"(?:title|line)\">.*?</div>"
                 r"|<pre.*?</pre>|<svg.*?</svg>|\\\(.*?\\\)|\\\[.*?\\\]")
    code, lesson = r"<code>(\w+)(?:\([^<]*\))?</code>", r"\b[Ll]esson (\d\d?)\b"

    def link(found):
        _, name, number = found.groups()
        url = declared.get(name) or (number and chapters.get(int(number)))
        return f'<a class="code" href="{url}">{found.group(0)}</a>' if url else found.group(0)
    return re.sub(f"{elsewhere}|{code}|{lesson}", link, page, flags=re.S)


def with_graphs(page, directory):
    def graph(found):
        svg = (directory / found.group(1)).read_text(encoding="utf-8")
        prefix = pathlib.Path(found.group(1)).stem  # an id may stand only once on a page
        return re.sub(r'\bid="([^"]+)"', rf'id="{prefix}_\1"', svg[svg.index("<svg"):])
    return re.sub(r'<iframe[^>]*?src="([^"]+\.svg)"[^>]*>.*?</iframe>', graph, page, flags=re.S)


def without_idle_mathjax(page):
    if re.search(r"\\[(\[]", between(page, '<div class="contents">', "<!-- contents -->")):
        return page
    return re.sub(r'<script type="text/x-mathjax-config">.*?MathJax.js"></script>\n', "", page, flags=re.S)


def main(directory):
    for path in directory.glob("*.html"):
        if SUPERFLUOUS.match(path.name):
            path.unlink()
    pages = {path.name: with_short_title(path.read_text(encoding="utf-8"))
             for path in sorted(directory.glob("*.html"))}
    index = [entry for name, page in pages.items() if not LIST.match(name) for entry in entries(name, page)]

    chapters = [(name, title_of(page)) for name, page in pages.items() if re.fullmatch(r"lesson_\d\d\.html", name)]
    around = [(None, None), *chapters, (None, None)]
    for i, (name, _) in enumerate(chapters):
        pages[name] = with_neighbours(pages[name], around[i], around[i + 2])
    pages["api.html"] = with_rooms(pages["api.html"], pages, index)

    declared = {title: url for url, title, *_ in reversed(index) if re.match(r"\w+_8h\.html#", url)}
    declared |= {title: url for url, title, page, _ in index if not page and re.match("class|struct", url)}
    numbers = {int(name[7:9]): name for name, _ in chapters}
    for name, page in pages.items():
        page = without_idle_mathjax(page)
        if not API.match(name):
            page = with_links(page, declared, {n: chapter for n, chapter in numbers.items() if chapter != name})
        page = with_graphs(page, directory)
        page = re.sub(r'"(\w+)\.html#(?:md_docs_)?\1"', r'"\1.html"', page)  # a link to a whole page
        (directory / name).write_text(page, encoding="utf-8")
    text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    (directory / "searchindex.js").write_text(f"const GRADUS_INDEX = {text};\n", encoding="utf-8")


main(pathlib.Path(sys.argv[1]))
