# shellcheck shell=bash
# What the tests have printed, counted and summarized; needs what scripts/test has.

# line TEXT: adds a line to the summary.
line() { echo "$*" >>"$SUMMARY"; }

# counted LOG WHAT: the sum of the numbers in the result lines; WHAT is passed, failed or ignored.
counted() {
    sed -e $'s/\x1b\\[[0-9;]*m//g' "$1" | awk -v what="$2" '
        /^test result: / { for (i = 2; i <= NF; i++) if ($i ~ "^" what) sum += $(i - 1) }
        END { print sum + 0 }'
}

# failures LOG: the names of the failed tests, each with its panic message.
failures() {
    sed -e $'s/\x1b\\[[0-9;]*m//g' "$1" | awk '
        sub(/^test /, "") && sub(/ \.\.\. FAILED$/, "") { names[++count] = $0 }
        sub(/^---- /, "") && sub(/ stdout ----$/, "") { name = $0; left = 0 }
        / panicked at / { left = 4; next }
        /^$/ || /^stack backtrace:/ || /^note: / { left = 0 }
        left > 0 { said[name] = said[name] "\n    " substr($0, 1, 300); left-- }
        END { for (n = 1; n <= count; n++) print "  failed: " names[n] said[names[n]] }'
}

# report LOG CODE NAME: adds a tier or the containers to the summary. A run that exited with an error but without a failed test (a build error or a crash)
# counts as one failure.
report() {
    local log=$1 code=$2 name=$3 passed failed ignored note=''
    passed=$(counted "$log" passed) failed=$(counted "$log" failed) ignored=$(counted "$log" ignored)
    ((code == 0 || failed > 0)) || { failed=1 note=" (it ended with exit code $code: see its output above)"; }
    PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed))
    ((ignored == 0)) || note=", $ignored ignored$note"
    if ((passed + failed == 0)); then
        line "$name: NOT RUN, no test ran"
        COMPLETE=0
    else
        line "$name: $passed passed, $failed failed$note"
        ((failed == 0)) || failures "$log" >>"$SUMMARY"
    fi
}
