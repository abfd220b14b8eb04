#!/usr/bin/env bash
# layers.sh KERNEL_OBJECT...: do the rooms of the house still stand one above the other?
#   1. An include stays on its floor or points down, never up.
#   2. Only the rooms that do the arithmetic look into the kernels, and no public header does.
#      Lessons may look at two of their headers: the ladder of lesson 4, which is made to be shown, and
#      the machine's yardsticks.
#   3. No public header includes <immintrin.h> or <omp.h>; no header includes CLI11 or nlohmann-json.
#   4. A kernel object exports its table and nothing else: of two functions of one name the linker
#      keeps either, and the one it keeps may be full of AVX-512.
broken=0
complain() { echo "$1"; broken=1; }

# locate PATH: sets `room` and the `floor` that it is on, 0 for a room that this house does not have.
locate() {
  room=${1#include/gradus/} room=${room#src/} room=${room%%/*} room=${room%%.*}
  case $room in
    tests) floor=10 ;;  # may look at everything, and nobody looks at them
    lessons) floor=9 ;;
    models | gradus) floor=8 ;;
    nn | optim | data | io | viz | gradcheck) floor=7 ;;
    ops) floor=6 ;;
    tensor | anomaly) floor=5 ;;
    autograd) floor=4 ;;
    array | arithmetic | compare | elementwise | reductions | strided_loop | storage | shape | dtype | random) floor=3 ;;
    kernels) floor=2 ;;
    error | out_of_memory | threads) floor=1 ;;  # the ground that even the kernels stand on
    *) floor=0 ;;
  esac
}
shown_in_lessons=' src/kernels/ladder/ladder.h src/kernels/machine.h '
does_arithmetic=' array arithmetic compare elementwise reductions strided_loop autograd random ops optim kernels tests '

# shellcheck disable=SC2046
while IFS=: read -r file line text; do
  included=${text#*[\"<]} included=${included%%[\">]*}
  for target in "include/$included" "src/$included" "${file%/*}/$included" ''; do [ -f "$target" ] && break; done
  [ "$target" ] || continue  # a header of the system
  while [[ $target =~ ^(.*/)?[^/.][^/]*/\.\./(.*)$ ]]; do target=${BASH_REMATCH[1]}${BASH_REMATCH[2]}; done
  locate "$file"; from=$room from_floor=$floor
  locate "$target"
  if [ "$from_floor" -eq 0 ]; then
    complain "$file:$line: '$from' is not on any floor; say on which one in .make/layers.sh"
  elif [ "$floor" -gt "$from_floor" ]; then
    complain "$file:$line: $from includes \"$included\", which is above it"
  elif [ "$from" = lessons ] && [[ $shown_in_lessons = *" $target "* ]]; then
    :
  elif [ "$room" = kernels ] && [[ $file = include/* || $does_arithmetic != *" $from "* ]]; then
    complain "$file:$line: includes \"$included\"; only the sources of${does_arithmetic}look into the kernels"
  fi
done < <(grep -rnE '^ *# *include *["<]' --include='*.h' --include='*.cpp' $(ls -d include src lessons tests 2>/dev/null))

while IFS= read -r hit; do complain "$hit: in a public header"; done < <(
  grep -rnE '^ *# *include *<(immintrin|omp)\.h>' include)
while IFS= read -r hit; do complain "$hit: costs seconds in every file; belongs in one .cpp"; done < <(
  grep -rnE '^ *# *include *<(CLI|nlohmann)/' --include='*.h' include src lessons 2>/dev/null)

for object; do
  while read -r symbol; do
    complain "$object: exports '$symbol'; a kernel exports nothing but its table (name ending in _table)"
  done < <(nm -C --defined-only --extern-only "$object" | cut -d ' ' -f 3- |
    grep -vE '_table(\(\))?$|^\.gomp_critical|^__odr_asan|^$')
done
exit $broken
