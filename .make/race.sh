#!/usr/bin/env bash
# race.sh PROGRAM: ThreadSanitizer must report the race that is planted in PROGRAM, and be silent about
# the same program without it. Fails if it is blind, or cries wolf.
program=$1
said=$("$program" 2>&1)
case $?:$said in
  66:*'WARNING: ThreadSanitizer: data race'*) echo 'ThreadSanitizer found the planted race.' ;;
  *) echo "ThreadSanitizer did NOT find the planted race; what was said:"; echo "$said"; exit 1 ;;
esac
said=$("$program" --mended 2>&1) || {
  echo "ThreadSanitizer reports a race where there is none:"; echo "$said"; exit 1; }
echo 'It says nothing about the same program without the race.'
