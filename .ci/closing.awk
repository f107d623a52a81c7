# Of the log of `deploy/local.sh test`: what ctest says at the end of each run, and which run was left out because it
# had passed before. The main run, which is the first, comes last.
/^==> / { inside = 0 }
/^==> tests of preset / { title = $0 }
/^==> tests of preset .*: / { print }
/^[0-9]+% tests passed/ { inside = 1; runs++; text[runs] = title "\n" }
inside { text[runs] = text[runs] $0 "\n" }
END {
  for (i = 2; i <= runs; i++) printf "%s", text[i]
  if (runs > 0) printf "%s", text[1]
}
