"""The index of the search: [url, title, page, text] of every page, section and declaration."""
import html
import re


def plain(markup):
    """The text that a reader sees, formulas nearly as they were typed."""
    markup = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", markup, flags=re.S)
    markup = re.sub(r"</?(?:a|b|code|em|i|span|strong)\b[^>]*>", "", markup)
    markup = re.sub(r"\\[()\[\]]", " ", re.sub(r"<[^>]+>", " ", markup))
    markup = re.sub(r"\\(?:mathrm|mathbb|text|left|right|big|Big|q?quad)(?![a-z])|\\[,;!]", " ", markup)
    return re.sub(r"\s+", " ", html.unescape(markup)).strip()


def between(text, start, end):
    return text.partition(start)[2].partition(end)[0]


def title_of(page):
    title = between(page, '<div class="title">', "</div>")
    return plain(re.sub(r'<(div class="ingroups"|span class="mlabels").*', "", title, flags=re.S))


def sections(name, title, body):
    for section in re.split(r'(?=<h[1-4]>\s*<a class="anchor"|<dt>\s*<a class="anchor")', body)[1:]:
        anchor = re.search(r'id="([^"]+)"', section).group(1)
        heading, _, text = section.partition("</h" if section.startswith("<h") else "</dt")
        yield [f"{name}#{anchor}", plain(heading), title, plain("<" + text)]


def declarations(name, title, body):
    """A declaration has a row in the overview of its page and, if there is more to say, a box."""
    boxes = {between(box, 'href="#', '"'): plain(between(box, '<div class="memdoc">', "\n</div>\n</div>"))
             for box in body.split('<h2 class="memtitle">')[1:]}
    for row in body.split('<tr class="memitem:')[1:]:
        anchor = row.partition('"')[0]
        declared = between(row, '<td class="memItemRight"', "</td>").partition(">")[2]
        called = re.search(rf'<b>(.*?)</b>|<a class="el" href="[^"]*#{anchor}">(.*?)</a>', declared)
        if called and " inherit " not in anchor:
            brief = plain(between(row, '<td class="mdescRight">', "</td>"))
            called = plain(called.group(1) or called.group(2)).rpartition("::")[2]
            yield [f"{name}#{anchor}", called, title, plain(declared) + ": " + boxes.get(anchor, brief)]


def entries(name, page):
    title = title_of(page)
    body = between(page, '<div class="contents">', "</div><!-- contents -->")
    body = re.sub(r"<hr\s*/?>The documentation for this .*", "", body, flags=re.S)
    if re.match(r"class|struct|.*_8h\.", name):
        about = between(body + "<h2", "Detailed Description</h2>", "<h2") or body.partition("<a ")[0]
        yield [name, title, "", plain(about)]
        yield from declarations(name, title, body)
    else:
        yield [name, title, "", plain(re.split(r'<h[1-4]>\s*<a class="anchor"', body)[0])]
        yield from sections(name, title, body)
