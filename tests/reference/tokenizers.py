"""Compares the tokenizers with Hugging Face's and OpenAI's, and makes the files that the tests compare them with.

    pip install tokenizers tiktoken regex
    python tests/reference/tokenizers.py make
    python tests/reference/tokenizers.py check VOCAB MERGES TEXT       (GPT-2's files; after `make build/laboratory/tokenize`)

`make` trains on bpe_text.txt with Hugging Face's trainer and writes bpe_vocab.json, bpe_merges.txt and, in
bpe_strings.json, strings with their words and ids. Bytes that are no UTF-8 are given in hexadecimal: their words are
those of the text in which each such byte is U+FFFD, their ids those that Hugging Face's model gives to these words.

`check` compares ids on a whole text and on thousands of random strings, the merges that training finds, the table of
Unicode, and the time that all three take.
"""

import codecs
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one thread, as ours

# This file has the name of the library that it imports.
HERE = Path(__file__).resolve().parent
sys.path = [path for path in sys.path if Path(path or ".").resolve() != HERE]
import regex
import tiktoken
import tokenizers
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

SIZE, SPECIAL = 600, "<|endoftext|>"
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

STRINGS = [
    "", " ", "a", "To be, or not to be", "hello world", " hello  world   ", "It's I'd we'll they've you're don't I'm",
    "IT'S 'S 's' ''s 'sky 'really 'll 'lla 'l 've'd're it\u2019s", " 's ' s '  s", "1024 tokens2048 3.14 a1b2 1a2b",
    "\u00b2 \u00bd \u2167 \u0663 \u06f4 \u096b \uff11\uff12 \u3007 \U0001d7d8", "a\tb\t\tc\n\nd\r\ne\r\r\nf \n g\n \n", "\n", "\n\n",
    "x ", "x  ", "x\n", "x \n", "\n x", "\n  x", " \tx", "\t x", "\u00a0x", "x\u00a0\u00a0y", "\u2003\u2003z\u3000\u3000", "\u0085\u0085a",
    "\u2028a\u2029b", "\u1680 \u180e \u200b \ufeff \u2060", "\x00", "a\x00b\x00\x00", "\x1c\x1d\x1e\x1f", "\x7f\x80\x9f", "\x0b\x0c",
    "na\u00efve caf\u00e9 cafe\u0301 e\u0301\u0302", "Stra\u00dfe W\u00fcrde", "\u0432\u0441\u0435 \u043b\u044e\u0434\u0438",
    "\u4eba\u4eba\u751f\u800c\u81ea\u7531, \u3059\u3079\u3066", "\uc790\uc720", "\u1112\u1161\u11ab", "\u0938\u094d\u0935\u0924\u0902\u0924\u094d\u0930",
    "\u064a\u0648\u0644\u062f \u0623\u062d\u0631\u0627\u0631\u0627", "\u05e2\u05b4\u05d1\u05b0", "\u0e20\u0e32\u0e29\u0e32", "\U00010330 \U00020000\U0001f600",
    "\U0001f600\U0001f44d\U0001f3fd \U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea", "\u2122 \u2192 \u2202\u2211", "\ufffd \ufffd\ufffd",
    "\ue000 \U0010ffff \U000e0001 \u0378 \ufdd0", "\u1e9e\u01c5\u02b0\u00aa\u00ba", "!!!??? ... --- === ###", "a_b __init__ $x @y #z",
    "for (int i = 0; i < n; ++i) { y[i] += a * x[i]; }", "\t\treturn\t0;\n", "http://example.org/?q=1&r=%20", "<|endoftext|>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "thethethethe", " " * 40, " " * 40 + "x", "-" * 33, "\n" * 17 + "x", "the cat sat on the mat and the hat",
    "\u0120\u010a \u0100", "mathematician mathematics", "conscience CONSCIENCE", "0" * 25, "\U0001f600" * 9,
]

BYTES = [
    "80", "ff", "c3", "e282", "e28220ac", "f09f98", "f09f9861", "c0af", "c1bf", "e09fbf", "eda080", "edbfbf", "eda080edb080", "f08080af",
    "f4908080", "f888808080", "fe", "61ff62", "20ff", "2020ff61", "ff20ff", "0aff0a", "ff0a", "27ff73", "6180e9a1", "c3a9c3", "c3c3a9", "00ff00",
    "efbfbdff", "31ff32", "3180", "746865ff746865", "e4bae4baba", "20c2", "20e28083c2a0c2", "c285c2", "ffffffffffffffffff", "80" * 20,
]


def random_strings(count, rng):
    """Of few characters, so that all neighbourhoods occur."""
    kinds = ["a", "the", "'", "s", "ll", "'re", " ", "  ", "\n", "\t", "\r", "\u00a0", "\u3000", "1", "\u00bd", "!", "-", "\u00e9", "e\u0301", "\u4eba",
             "\U0001f600", "\u200d", "\x00", "\ufffd", "\u0085", "Z", "\u0663", "_", "\U0001d7d8", "\u2028"]
    return ["".join(rng.choice(kinds) for _ in range(rng.randrange(1, 16))) for _ in range(count)]


def one_replacement_per_byte(error):
    return "\ufffd", error.start + 1


codecs.register_error("one-per-byte", one_replacement_per_byte)


def words_of_bytes(data, tokenizer):
    """Words of any bytes, as bytes."""
    whole = [0]  # where each character begins
    text = data.decode("utf-8", "one-per-byte")
    for character in text:
        begin = whole[-1]
        encoded = character.encode()
        whole.append(begin + (len(encoded) if data[begin:begin + len(encoded)] == encoded else 1))
    assert whole[-1] == len(data)
    words, place = [], 0
    for word in words_of(text, tokenizer):
        words.append(data[whole[place]:whole[place + len(word)]])
        place += len(word)
    return words


def words_of(text, tokenizer):
    """Cut by two libraries that must agree: the regex module, which GPT-2's own code uses, and Hugging Face's."""
    words = regex.findall(PATTERN, text)
    spans = [span for _, span in tokenizer.pre_tokenizer.pre_tokenize_str(text)] if text else []
    assert [text[a:b] for a, b in spans] == words, (text, words)
    return words


def name_of(byte):
    """The character that stands for a byte in the files."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return chr(byte) if byte in visible else chr(0x100 + [b for b in range(256) if b not in visible].index(byte))


def make():
    text = (HERE / "bpe_text.txt").read_text()
    trained = tokenizers.ByteLevelBPETokenizer()
    trained.train_from_iterator([text], vocab_size=SIZE, min_frequency=2, special_tokens=[SPECIAL], show_progress=False)
    trained.save_model(str(HERE), "bpe")
    (HERE / "bpe-vocab.json").rename(HERE / "bpe_vocab.json")
    (HERE / "bpe-merges.txt").rename(HERE / "bpe_merges.txt")

    # Read back without the special token: a text is only text.
    tokenizer = tokenizers.ByteLevelBPETokenizer(str(HERE / "bpe_vocab.json"), str(HERE / "bpe_merges.txt"))
    model = tokenizer._tokenizer.model
    cases = []
    for string in STRINGS + random_strings(60, random.Random(8)):
        cases.append({"text": string, "words": words_of(string, tokenizer), "ids": tokenizer.encode(string).ids})
        names = ["".join(map(name_of, word.encode())) for word in cases[-1]["words"]]
        assert [token.id for name in names for token in model.tokenize(name)] == cases[-1]["ids"]
    for data in map(bytes.fromhex, BYTES):
        words = words_of_bytes(data, tokenizer)
        ids = [token.id for word in words for token in model.tokenize("".join(map(name_of, word)))]
        cases.append({"hex": data.hex(), "words": [word.hex() for word in words], "ids": ids})
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "bpe_strings.json").write_text(f"[\n{lines}\n]\n")
    print(f"{trained.get_vocab_size()} tokens, {len(cases)} strings; tokenizers {tokenizers.__version__}")


def best_of(times, f):
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        result = f()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


def run(*arguments):
    return subprocess.run(["build/laboratory/tokenize", *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def ids_of(text, vocabulary, merges, directory, *more):
    (directory / "text").write_bytes(text.encode())
    said = run("encode", directory / "text", "--ids", directory / "ids", "--vocabulary", vocabulary, "--merges", merges, *more)
    return [int(line) for line in (directory / "ids").read_text().split()], said.strip()


def check_unicode():
    """The runs of unicode_table.inc against \\p{L}, \\p{N} and \\s of both libraries, for every character."""
    table = (HERE.parent.parent / "src/data/unicode_table.inc").read_text().split("\n", 1)[1]
    runs = [int(word, 16) for word in table.split(",") if word.strip()] + [4 * 0x110000]
    kinds = {}
    for here, after in zip(runs, runs[1:]):
        kinds.setdefault(here % 4, set()).update(range(here // 4, after // 4))
    characters = [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    for kind, pattern in [(1, r"\p{L}"), (2, r"\p{N}"), (3, r"\s")]:
        openai = tiktoken.Encoding("kind", pat_str=pattern, mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={})
        face = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "removed")
        found = {code for code in characters if openai.encode_ordinary(chr(code))}
        same = {code for code in characters if not face.pre_tokenize_str(chr(code))}
        assert kinds[kind] == found == same, pattern
        print(f"{pattern}: the same {len(found)} characters in all three")


def check(vocabulary, merges, path):
    directory = Path(tempfile.mkdtemp())
    text = Path(path).read_bytes().decode()
    with open(merges, encoding="utf-8") as file:
        count = sum(1 for _ in file) - 1
    openai = tiktoken.Encoding("gpt2", pat_str=PATTERN, special_tokens={SPECIAL: 256 + count},
                               mergeable_ranks=data_gym_to_mergeable_bpe_ranks(str(merges), str(vocabulary)))
    face = tokenizers.ByteLevelBPETokenizer(str(vocabulary), str(merges))

    ours, said = ids_of(text, vocabulary, merges, directory)
    print("Gradus:      ", said)
    for name, encode in [("tiktoken", lambda: openai.encode_ordinary(text)), ("tokenizers", lambda: face.encode(text).ids)]:
        seconds, ids = best_of(3, encode)
        assert ids == ours, f"{name} differs"
        print(f"{name + ':':14}{len(ids)} tokens in {seconds:.3f} s, {len(ids) / seconds / 1e6:.2f} M/s; the same ids")

    strings = STRINGS + random_strings(20000, random.Random(1))
    strings = [string for string in strings if SPECIAL not in string]
    joined = SPECIAL.join(strings)
    face.add_special_tokens([SPECIAL])
    expected = openai.encode(joined, allowed_special="all")
    assert expected == face.encode(joined).ids == ids_of(joined, vocabulary, merges, directory, "--special")[0]
    print(f"{len(strings)} strings with special tokens between them: the same {len(expected)} ids in all three")

    for size in (1024, 4096, 16384):
        trained = tokenizers.ByteLevelBPETokenizer()
        seconds, _ = best_of(1, lambda: trained.train_from_iterator([text], vocab_size=size, min_frequency=2, show_progress=False))
        trained.save_model(str(directory))
        said = run("train", path, "--size", size, "--vocabulary", directory / "ours.json", "--merges", directory / "ours.txt")
        for theirs, mine in [("vocab.json", "ours.json"), ("merges.txt", "ours.txt")]:
            assert (directory / theirs).read_bytes() == (directory / mine).read_bytes(), (size, theirs)
        print(f"trained to {trained.get_vocab_size()} tokens: the same two files; tokenizers {seconds:.2f} s, Gradus: {said.strip()}")
    check_unicode()


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make()
    elif len(sys.argv) == 5 and sys.argv[1] == "check":
        check(*sys.argv[2:])
    else:
        sys.exit(__doc__)
