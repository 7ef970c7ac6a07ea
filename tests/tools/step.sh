#!/bin/sh
# step.sh TITLE COMMAND...: says what is being done, does it, says how long it took. Ends with the command's own exit code.
title=$1
shift
start=$(date +%s)
printf '\n==> %s\n' "$title"
"$@"
code=$?
if [ "$code" = 0 ]; then
    printf '    %s: done in %s s\n' "$title" "$(($(date +%s) - start))"
else
    printf '    %s: FAILED with exit code %s after %s s\n' "$title" "$code" "$(($(date +%s) - start))" >&2
fi
exit "$code"
