#!/usr/bin/env bash
# bootstrap.sh gpt|test|bench|peers|lint|docs|browser|coverage: does this machine have what the stage needs?
#
# It looks by trying: a small C++20 program is compiled and linked with $CXX and the flags of the
# build; programs and files are looked for where they will be used. Nothing missing: it says nothing.
# Something missing: it installs it with apt-get where that asks for no password; elsewhere it prints
# the commands to type, and fails.
set -u
stage=$1
CXX=${CXX:-g++} FLAGS=${FLAGS:-} LDFLAGS=${LDFLAGS:-} SANITIZE=${SANITIZE:-}
CLANG_FORMAT=${CLANG_FORMAT:-clang-format}
CROSS=${CROSS:-}  # for another machine: nothing is there to be linked, and its programs run in QEMU
[ -z "$CROSS" ] || FLAGS+=' -idirafter /usr/include'
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# ---- What each need is called by apt, dnf, pacman and brew; a dash: comes with another, or in none -

compiler=${CXX##* }      # "ccache g++-13" -> g++-13
compiler=${compiler##*/} # /usr/bin/g++ -> g++
case $compiler in
  clang++*) version=${compiler#clang++}
            compilers="clang$version,libomp$version-dev clang,libomp-devel clang,openmp" ;;
  aarch64-linux-gnu-g++) version=''
            compilers='g++-aarch64-linux-gnu gcc-c++-aarch64-linux-gnu aarch64-linux-gnu-gcc' ;;
  g++-*)    version='' compilers="$compiler gcc-c++ gcc" ;;
  *)        version='' compilers='g++ gcc-c++ gcc' ;;
esac
names="
compiler      $compilers llvm,libomp
OpenMP        libomp$version-dev      libomp-devel      openmp         llvm,libomp
sanitizers    libclang-rt$version-dev libasan,libubsan  compiler-rt    -
fmt           libfmt-dev              fmt-devel         fmt            fmt
nlohmann-json nlohmann-json3-dev      json-devel        nlohmann-json  nlohmann-json
CLI11         libcli11-dev            cli11-devel       cli11          cli11
GoogleTest    libgtest-dev            gtest-devel       gtest          googletest
benchmark     libbenchmark-dev        google-benchmark-devel benchmark google-benchmark
oneDNN        libdnnl-dev             onednn-devel      onednn         onednn
OpenBLAS      libopenblas-openmp-dev  openblas-devel    openblas       openblas
clang-format  clang-format            clang-tools-extra clang          clang-format
graphviz      graphviz                graphviz          graphviz       graphviz
qemu          qemu-user-static        qemu-user-static  qemu-user-static -
GoogleTest-sources googletest         -                 -              -
gcovr         gcovr                   gcovr             -              gcovr
pkg-config    pkg-config              pkgconf-pkg-config pkgconf       pkgconf
doxygen       doxygen                 doxygen           doxygen        doxygen
doxygen-awesome-css doxygen-awesome-css -               -              -
MathJax       libjs-mathjax           mathjax           -              -
python3       python3                 python3           python         python3
chromium      chromium                chromium          chromium       google-chrome
chromedriver  chromium-driver         chromedriver      -              chromedriver
selenium      python3-selenium        python3-selenium  python-selenium -
"
packages() {  # packages COLUMN NEED...: the names in that column
  local column=$1 need; shift
  for need; do awk -v need="$need" -v c="$column" '$1 == need && $c != "-" { print $c }' <<<"$names"; done |
    tr ',\n' '  ' | sed 's/ *$//'
}

# ---- What is missing -----------------------------------------------------------------------------

needs='' libraries='' tools=''  # what has a header, which of them are linked, and what else is looked for
case $stage in
  gpt)     why='the library and the lessons need' needs='fmt nlohmann-json CLI11' libraries='fmt' ;;
  test)    why='the tests need' needs='fmt nlohmann-json CLI11 GoogleTest' libraries='fmt gtest' tools='graphviz pkg-config' ;;
  bench)   why='the benchmarks need' needs='fmt nlohmann-json CLI11 benchmark' libraries='fmt benchmark' ;;
  peers)   why='for comparison, the benchmarks would like' needs='oneDNN OpenBLAS' libraries='dnnl openblas' ;;
  lint)    why='make lint needs' tools='clang-format' ;;
  coverage) why='make coverage needs' tools='gcovr python3' ;;
  docs)    why='make docs needs' tools='doxygen graphviz doxygen-awesome-css MathJax python3' ;;
  browser) why='make docs-check needs' tools='chromium chromedriver selenium' ;;
  *)       echo "bootstrap.sh: no such stage: $stage" >&2; exit 1 ;;
esac
[ -z "$CROSS" ] || { libraries='' && tools+=' qemu GoogleTest-sources'; }
is_there() {
  case $1 in
    clang-format)        command -v "$CLANG_FORMAT" ;;
    graphviz)            command -v dot ;;
    doxygen-awesome-css) [ -e /usr/share/doxygen-awesome-css/doxygen-awesome.css ] ;;  # where docs/Doxyfile
    qemu)                command -v qemu-aarch64-static ;;
    GoogleTest-sources)  [ -e /usr/src/googletest/googletest/src/gtest-all.cc ] ;;
    MathJax)             [ -e /usr/share/javascript/mathjax/MathJax.js ] ;;  # and docs/site/build.sh look
    chromium)            command -v chromium || command -v chromium-browser || command -v google-chrome ||
                           [ -e '/Applications/Google Chrome.app' ] ;;
    selenium)            "$(command -v /usr/bin/python3 || echo python3)" -c 'import selenium.webdriver' ;;
    *)                   command -v "$1" ;;
  esac >/dev/null 2>&1
}
header_of() {
  case $1 in
    fmt) echo fmt/core.h ;; nlohmann-json) echo nlohmann/json.hpp ;; CLI11) echo CLI/CLI.hpp ;; GoogleTest) echo gtest/gtest.h ;;
    benchmark) echo benchmark/benchmark.h ;; oneDNN) echo dnnl.h ;; OpenBLAS) echo cblas.h ;;
  esac
}
cat > "$dir/probe.cpp" <<'PROBE'
#include <concepts>
#include <span>
template <std::integral T> consteval T twice(T x) { return T(2 * x); }
struct Point { int x, y; };
int main() { Point p{.x = twice(1), .y = 2}; std::span<int> s(&p.x, 1); return s[0] - p.y; }
PROBE
# compiles FLAG...: the probe compiles and links with these flags.
compiles() {
  # shellcheck disable=SC2086  # a list of flags is split on purpose
  $CXX -std=c++20 $FLAGS "$dir/probe.cpp" $LDFLAGS "$@" -o "$dir/probe" 2>"$dir/error"
}

find_missing() {
  local need library found
  missing=()
  for need in $tools; do is_there "$need" || missing+=("$need"); done
  [ "$needs" ] || return 0  # nothing is compiled
  # shellcheck disable=SC2086
  if ! command -v $CXX >/dev/null; then
    missing+=(compiler)
    for need in $needs; do [ -e "/usr/include/$(header_of "$need")" ] || missing+=("$need"); done
    return
  fi
  for need in $needs; do
    printf '#if !__has_include(<%s>)\nmissing %s\n#endif\n' "$(header_of "$need")" "$need"
  done > "$dir/headers.cpp"
  # shellcheck disable=SC2086
  missing+=($($CXX -std=c++20 $FLAGS -E "$dir/headers.cpp" 2>/dev/null | awk '$1 == "missing" { print $2 }'))
  # shellcheck disable=SC2046,SC2086
  [ ${#missing[@]} -eq 0 ] && compiles -fopenmp ${SANITIZE:+-fsanitize=$SANITIZE} ${libraries:+$(printf -- '-l%s ' $libraries)} && return
  if ! compiles; then
    echo "Gradus is written in C++20, and $CXX cannot compile a small program in it (g++ 12 and clang 14 can):" >&2
    head -5 "$dir/error" >&2
    exit 1
  fi
  compiles -fopenmp || missing+=(OpenMP)
  [ -z "$SANITIZE" ] || compiles "-fsanitize=$SANITIZE" || missing+=(sanitizers)
  for library in $libraries; do
    need=${library/gtest/GoogleTest} need=${need/dnnl/oneDNN} need=${need/openblas/OpenBLAS}
    [[ " ${missing[*]-} " = *" $need "* ]] || compiles "-l$library" || missing+=("$need")
  done
}

# ---- Installing, or saying how -------------------------------------------------------------------

listed() { sed 's/ /, /g; s/compiler/a C++20 compiler/' <<<"${missing[*]}"; }
explain() {
  echo "Gradus: $why what this machine lacks: $(listed)."
  echo "Install it, then run the same command again:"
  local column=2 system
  for system in 'Debian, Ubuntu:  sudo apt-get install' 'Fedora:          sudo dnf install' \
                'Arch:            sudo pacman -S' 'macOS:           brew install'; do
    [ -z "$(packages $column "${missing[@]}")" ] || echo "  $system $(packages $column "${missing[@]}")"
    column=$((column + 1))
  done
  case " ${missing[*]} " in *" doxygen-awesome-css "* | *" MathJax "*)
    echo "Without a package: the site takes doxygen-awesome-css 2.1 from /usr/share/doxygen-awesome-css"
    echo "and MathJax 2.7 from /usr/share/javascript/mathjax, where Debian's packages put them."
  esac
  case " ${missing[*]} " in *" selenium "*)
    echo "Without a package: python3 -m pip install selenium"
  esac
  # Apple's own compiler has no OpenMP, and looks nowhere near Homebrew.
  if [ "$needs" ] && [ "$(uname)" = Darwin ]; then
    echo "and tell make where Homebrew keeps things:"
    echo "  make CXX=\$(brew --prefix llvm)/bin/clang++ \\"
    echo "    CPPFLAGS=\"-I\$(brew --prefix)/include -I\$(brew --prefix libomp)/include\" \\"
    echo "    LDFLAGS=\"-L\$(brew --prefix)/lib -L\$(brew --prefix libomp)/lib\""
  fi
} >&2

# What is only wished for may be missing.
give_up() {
  [ "$stage" = peers ] && { echo 'The benchmarks go without what is missing.' >&2; exit 0; }
  exit 1
}

find_missing
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=''
if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
if ! command -v apt-get >/dev/null || ! $as_root true 2>/dev/null; then
  explain
  give_up
fi

install() {
  # shellcheck disable=SC2086
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $1 </dev/null
}
# A second round, because what a compiler lacks shows only when it is there.
for _ in 1 2; do
  wanted=$(packages 2 "${missing[@]}")
  echo "Installing $wanted with apt-get: $why $(listed)."
  # Package lists that are absent or stale are fetched, fresh ones are left alone.
  if ! { install "$wanted" || { $as_root apt-get update </dev/null && install "$wanted"; }; } >"$dir/log" 2>&1; then
    tail -20 "$dir/log" >&2
    echo "apt-get failed; its last words are above." >&2
    explain
    give_up
  fi
  find_missing
  [ ${#missing[@]} -eq 0 ] && exit 0
done
explain
give_up
