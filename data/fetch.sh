#!/usr/bin/env bash
# fetch.sh: put tinyshakespeare.txt (1.1 MB of Shakespeare's plays) into this directory.
# It is copied from $GRADUS_DATA if that is set, otherwise fetched from GitHub. Nothing happens if it
# is already here, nothing is left behind if it cannot be had.
set -u
unset CDPATH
name=tinyshakespeare.txt
address=https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt
size=1115394
sha256=86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed

give_up() { echo "data/fetch.sh: $*" >&2; exit 1; }

# A relative GRADUS_DATA is meant from where the caller stands.
from=''
if [ -n "${GRADUS_DATA:-}" ]; then
  from=$(cd -- "$GRADUS_DATA" 2>/dev/null && pwd) ||
    give_up "GRADUS_DATA is set to $GRADUS_DATA, which is no directory"
fi
cd -- "$(dirname -- "${BASH_SOURCE[0]}")" || exit 1

checksum() {
  if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi <"$1" | cut -d ' ' -f 1
}
is_right() { [ "$(wc -c <"$1")" -eq "$size" ] && [ "$(checksum "$1")" = "$sha256" ]; }

command -v sha256sum >/dev/null || command -v shasum >/dev/null ||
  give_up "neither sha256sum nor shasum is installed, so no file could be verified"
if [ -f "$name" ] && is_right "$name"; then
  echo "data/$name is there already."
  exit 0
fi

[ ! -d "$name" ] || give_up "data/$name is a directory"
[ -w . ] || give_up "the directory data is not writable"

temporary=$name.tmp-$$
trap 'rm -f "$temporary"' EXIT
trap 'exit 130' INT TERM HUP
if [ "$from" ]; then
  source=$from/$name
  [ -f "$source" ] || give_up "GRADUS_DATA is set, but there is no file $source"
  cp -- "$source" "$temporary" || give_up "cannot copy $source"
else
  source=$address
  if command -v curl >/dev/null; then
    curl --fail --silent --show-error --location --connect-timeout 20 -o "$temporary" "$address"
  elif command -v wget >/dev/null; then
    wget --no-verbose --tries=2 --connect-timeout=20 -O "$temporary" "$address"
  else
    give_up "neither curl nor wget is installed"
  fi || give_up "cannot fetch $address
Is there a network? With a copy of the file elsewhere: GRADUS_DATA=DIRECTORY make data"
fi
is_right "$temporary" ||
  give_up "$source is not the file that Gradus knows:
  expected  $size bytes, sha256 $sha256
  got       $(wc -c <"$temporary" | tr -d ' ') bytes, sha256 $(checksum "$temporary")"
mv -f -- "$temporary" "$name" || give_up "cannot write data/$name"
echo "data/$name: $size bytes, checksum verified."
