#!/usr/bin/env bash
# install.sh install|uninstall PREFIX [BUILD]: the public headers, BUILD/libgradus.a and BUILD/gradus.pc
# into PREFIX, below DESTDIR where that is set, or away again. PREFIX/share/gradus/files remembers what
# was installed, so that a later version, or none, leaves nothing of this one behind.
set -eu
verb=$1 prefix=$2 build=${3:-}
case $prefix in
  /*) ;;
  *) echo "make $verb: PREFIX must begin with /, unlike '$prefix'" >&2; exit 2 ;;
esac
root=${DESTDIR:-}${prefix%/}
list=share/gradus/files

put() {  # put SOURCE FILE: FILE below the prefix
  local directory=$root/${2%/*}
  [ -d "$directory" ] || mkdir -p "$directory"
  install -m 644 "$1" "$root/$2"
  echo "$2" >> "$root/$list"
}

remove() {
  [ -f "$root/$list" ] || return 0
  local file directory
  { cat "$root/$list"; echo "$list"; } | while IFS= read -r file; do
    rm -f "$root/$file"
    # Directories go with their last file, those that every prefix has excepted.
    directory=${file%/*}
    while case $directory in *gradus*) ;; *) false ;; esac; do
      rmdir "$root/$directory" 2>/dev/null || break
      directory=${directory%/*}
    done
  done
}

if [ "$verb" = uninstall ] && ! [ -f "$root/$list" ]; then
  echo "make uninstall: nothing of Gradus is installed in $root" >&2
  exit 1
fi
if ! mkdir -p "$root/share" 2>/dev/null || ! [ -w "$root/share" ]; then
  echo "make $verb: cannot write to $root: sudo make $verb, or another PREFIX, such as PREFIX=\$HOME/.local" >&2
  exit 1
fi
case $verb in
  uninstall)
    remove
    echo "Removed Gradus from $root." ;;
  install)
    remove
    mkdir -p "$root/share/gradus"
    : > "$root/$list"
    (cd include && find gradus -name '*.h') | sort | while IFS= read -r header; do
      put "include/$header" "include/$header"
    done
    put "$build/libgradus.a" lib/libgradus.a
    put "$build/gradus.pc" lib/pkgconfig/gradus.pc
    echo "Installed Gradus in $root. A program builds against it with"
    # Those of the system are looked into anyway.
    case $prefix in
      /usr | /usr/local) where='' ;;
      *) where="PKG_CONFIG_PATH=$prefix/lib/pkgconfig " ;;
    esac
    echo "  g++ program.cpp \$(${where}pkg-config --cflags --libs gradus)" ;;
  *)
    echo "install.sh: install or uninstall, not '$verb'" >&2; exit 2 ;;
esac
