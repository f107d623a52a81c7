#!/usr/bin/env bash
# symbol_check_test.sh CHECK KNOWN PLANTED -- LIBRARY…: the check must name the planted Protobuf function, and pass over
# the standard library code that the planted library exports beside it.
set -euo pipefail
if output=$("$@"); then
  printf 'the check did not find the planted function:\n%s\n' "$output"
  exit 1
fi
printf '%s\n' "$output"
[[ $output == *"google::protobuf::ShutdownProtobufLibrary()"* ]]
[[ $(grep -c '^  ' <<<"$output") == 1 ]]
