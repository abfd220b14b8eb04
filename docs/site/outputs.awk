# Splits what a lesson printed (lessons/expected/07_attention.txt) for its chapter: all of it, and each
# numbered section by itself, 07_attention.2.txt.
FNR == 1 { name = FILENAME; sub(/.*\//, "", name); sub(/\.txt$/, "", name); section = "" }
/^[0-9]+  [^ ]/ { section = $1 }
{ print > (out "/" name ".txt") }
section != "" { print > (out "/" name "." section ".txt") }
