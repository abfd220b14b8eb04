#!/usr/bin/env bash
# test.sh PROGRAM [FILTER]: run a GoogleTest program, say how far it is and what matters of what
# fails: the first failures on the screen, all of them in PROGRAM.failures. The last line is
# `N passed, N failed`. A crash counts as a failed test, and so does a test that ends the program, or
# a leak that is found after the last one. RUN runs a program for another machine. A FILTER that is one word means all tests with that word.
program=$1 filter=${2:-} log=$1.failures
[[ $filter =~ ^[A-Za-z0-9_]+$ ]] && filter="*$filter*"
: > "$log"
passed=0 failed=0 skipped=0 total=0 status=1
test=''      # the test that is running
said=''      # what was printed since it began, or since the last one ended
failures=''  # the names of those that failed

weight_done=0
# On a terminal every test is shown, in one line; elsewhere how far we are, twice a minute.
said_at=0
live() {
  if [ -t 1 ]; then printf '\r\033[K%.70s' "$1"
  elif [ "$1" ] && [ $((SECONDS - said_at)) -ge 30 ]; then said_at=$SECONDS; echo "  $1"; fi
}
# What is left is a guess, from the first tenth on: those that remain take as long as those that ran. The
# thousands that are made from the table of ops are quick: two hundred of them count as one other.
weigh() { case $1 in Ops/*) weight=1 ;; *) weight=200 ;; esac; }
weight_of_all() {
  ${RUN:-} "$program" --gtest_list_tests ${filter:+"--gtest_filter=$filter"} 2>/dev/null |
    awk '/^[^ ]/ { weight = /^Ops\// ? 1 : 200 } /^ / { sum += weight } END { print sum + 0 }'
}
progress() {
  local left=''
  [ "$SECONDS" -ge 5 ] && [ "$weight_done" -gt 0 ] && [ $((10 * weight_done)) -ge "$weight_all" ] &&
    left=$((SECONDS * (weight_all - weight_done) / weight_done)) &&
    left=", about $((left / 60)):$(printf %02d $((left % 60))) left"
  live "$((passed + failed + skipped + 1)) of $total$left: $test"
  weigh "$test"
  weight_done=$((weight_done + weight))
}
fail() {
  live ''
  failed=$((failed + 1)) failures+="  $1"$'\n'
  printf '%s\nFAILED: %s\n\n' "$said" "$1" >> "$log"
  [ "$failed" -gt 5 ] || printf '%s\nFAILED: %s\n\n' "$(head -n 40 <<< "$said")" "$1"
  [ "$failed" -ne 6 ] || echo "There are more: see $log"
}

weight_all=$(weight_of_all)
while IFS= read -r line; do
  case $line in
    '[==========] Running '*) total=${line#*Running } total=${total%% *} ;;
    '[ RUN      ] '*)
      test=${line#*] } said=''
      progress ;;
    *"[       OK ] ${test:-none} ("*) passed=$((passed + 1)) test='' said='' ;;
    *"[  SKIPPED ] ${test:-none} ("*) skipped=$((skipped + 1)) test='' said='' ;;
    *"[  FAILED  ] ${test:-none}"[,\ ]*' ms)') fail "$test"; test='' said='' ;;
    'exit status '*) status=${line#exit status } ;;
    *) said+=$line$'\n' ;;
  esac
# shellcheck disable=SC2086  # RUN is a list of words: what runs a program for another machine
done < <({ ${RUN:-} "$program" ${filter:+"--gtest_filter=$filter"} 2>&1 </dev/null; status=$?; echo; echo "exit status $status"; } 2>/dev/null)
live ''

if [ "$test" ]; then
  fail "$test (the program ended in it with exit status $status)"
elif [ "$status" -ne 0 ] && [ "$failed" -eq 0 ] || [ "$status" -gt 1 ]; then
  fail "the program as a whole (exit status $status)"
fi
missed=$((total - passed - failed - skipped))
[ "$failures" ] && printf 'Failed:\n' && head -n 20 <<< "${failures%$'\n'}"
[ "$failed" -gt 20 ] && echo "  and $((failed - 20)) more"
[ "$missed" -gt 0 ] && echo "Did not run: $missed"
[ "$skipped" -gt 0 ] && echo "Skipped: $skipped"
[ "$total" -eq 0 ] && echo "There is no test${filter:+ that matches '$filter'}."
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
