"""Makes unicode_table.inc: which characters are letters, numbers or white space.

    pip install unicodedata2==16.0.0
    python src/data/unicode_table.py        (rewrites unicode_table.inc beside it)

Unicode 16.0 is the version of tiktoken 0.14 and of Hugging Face's tokenizers 0.23: tests/reference/tokenizers.py
compares all characters with both.
"""

from pathlib import Path

import unicodedata2

UNICODE = "16.0.0"
OTHER, LETTER, NUMBER, SPACE = range(4)

# The property White_Space of PropList.txt, the same since Unicode 6.3.
WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def kind(code):
    if code in WHITE_SPACE:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(unicodedata2.category(chr(code))[0], OTHER)


def main():
    assert unicodedata2.unidata_version == UNICODE, unicodedata2.unidata_version
    starts = [(code, kind(code)) for code in range(0x110000) if code == 0 or kind(code) != kind(code - 1)]
    words = [f"0x{4 * code + kind:x}," for code, kind in starts]
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 118:
            lines.append("")
        lines[-1] += word
    head = f"// Unicode {UNICODE}, {len(starts)} runs of characters of one kind: 4 x the first character + the kind. Made by unicode_table.py.\n"
    Path(__file__).with_name("unicode_table.inc").write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
