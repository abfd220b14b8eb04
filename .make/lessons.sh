#!/usr/bin/env bash
# lessons.sh PROGRAM...: run each lesson with --quick; one line each, and all it said if it fails.
said=$(mktemp) && trap 'rm -f "$said"' EXIT
failed=0
for program; do
  SECONDS=0
  if "$program" --quick >"$said" 2>&1 </dev/null; then verdict=ok; else verdict=FAILED failed=$((failed + 1)); fi
  printf '%-32s %4d s  %s\n' "${program##*/}" "$SECONDS" "$verdict"
  [ "$verdict" = ok ] || cat "$said"
done
echo "$(($# - failed)) lessons succeeded, $failed failed"
[ "$failed" -eq 0 ]
