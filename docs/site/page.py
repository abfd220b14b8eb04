"""page.py FILE.md: a page as Doxygen gets it.

Its id is the name of the file (glossary.md is \\ref glossary). In docs/lessons.md the titles of lessons
whose chapter exists become links to it, and the others are marked as planned.
"""
import pathlib
import re
import sys

path = pathlib.Path(sys.argv[1])
text = path.read_text(encoding="utf-8")


def curriculum_row(row):
    number, title = row.group(1), row.group(2)
    chapter = re.compile(rf"\\page lesson_{number}\b")
    if any(chapter.search(source.read_text(encoding="utf-8")) for source in path.parent.glob(f"../lessons/{number}_*.cpp")):
        return f'| {number} | \\subpage lesson_{number} "{title}" |'
    return f"| {number} | {title} <small>planned</small> |"


if path.name == "lessons.md":
    text = re.sub(r"^\| (\d\d) \| (.+?) \|", curriculum_row, text, flags=re.M)
if path.name != "index.md":
    text = re.sub(r"\A(# .+)", rf"\1 {{#{path.stem}}}", text)
sys.stdout.write(text)
