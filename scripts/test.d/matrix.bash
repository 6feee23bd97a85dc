# shellcheck shell=bash
# The core of tier 3 on several versions of Kafka, each from its jars; needs what scripts/test has.

# The last release of each line, and the newest one. docs/versions.md has the results.
MATRIX_VERSIONS=${MATRIX_VERSIONS:-2.8.2 3.3.2 3.9.2 4.0.2 4.1.2 4.4.0}

# The tests of each column of the table: its name, then what their names contain. `secure` and `idempotence` start brokers of their own,
# of the same version.
MATRIX_COLUMNS=(
    'produce broker::producer:: broker::command:: broker::metrics::'
    'compression broker::producer::all_codecs'
    'headers broker::hostile::'
    'idempotence broker::idempotence::'
    'transactions broker::transaction::'
    'consumer broker::consumer::'
    'SASL broker::secure::'
)
MATRIX_TESTS=(
    broker::producer:: broker::command:: broker::metrics::counts broker::metrics::cluster broker::hostile::unusual
    broker::hostile::max_message broker::hostile::a_timestamp broker::idempotence:: broker::transaction:: broker::consumer::read_committed
    broker::consumer::static_member broker::consumer::offsets_for_times broker::consumer::cooperative broker::consumer::the_protocol_of_kip_848
    broker::secure::
)
# These start three brokers or build an example.
MATRIX_SKIPPED=(broker::transaction::broker_killed broker::producer::returning_from_main)

# older A B: true if version A is older than B.
older() { [[ $1 != "$2" && $(printf '%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

# matrix_lacks VERSION: the tests of what Kafka has only in a newer version, one per line. docs/versions.md says what happens instead.
matrix_lacks() {
    ! older "$1" 4.0 || printf '%s\n' broker::consumer::the_protocol_of_kip_848 broker::hostile::a_timestamp_in_the_far_future
    # The topic's setting message.timestamp.before.max.ms.
    ! older "$1" 3.6 || echo broker::producer::valid_records_of_a_rejected_batch
}

# matrix_row LOG VERSION SKIPPED: prints a row of the table.
matrix_row() {
    local row="| $2 |" column pattern passed failed
    for column in "${MATRIX_COLUMNS[@]}"; do
        pattern=$(cut -d ' ' -f 2- <<<"$column" | sed 's/ /|/g')
        passed=$(grep -cE "^test ($pattern).* \.\.\. ok$" "$1") || true
        failed=$(grep -cE "^test ($pattern).* \.\.\. FAILED$" "$1") || true
        row+=" $passed$( ((failed == 0)) || echo ", $failed failed") |"
    done
    echo "$row $3 |"
}

# matrix_header: prints the head of the table.
matrix_header() {
    local column row='| Kafka |' rule='| --- |'
    for column in "${MATRIX_COLUMNS[@]}"; do row+=" ${column%% *} |" rule+=' --- |'; done
    printf '%s\n' "$row not in this version |" "$rule --- |"
}

run_matrix() {
    local version log code start lacks skips missing table=$OUT/matrix.md
    # Built once, before the first broker starts.
    cargo test --locked --workspace --features "$FEATURES" --test it --no-run || {
        line "matrix: NOT RUN, the tests do not build"
        COMPLETE=0
        return
    }
    matrix_header >"$table"
    for version in $MATRIX_VERSIONS; do
        log=$OUT/matrix-$version.log code=0 start=$SECONDS skips=()
        : >"$log"
        rm -f "$OUT/bootstrap"
        mapfile -t lacks < <(matrix_lacks "$version")
        for missing in "${MATRIX_SKIPPED[@]}" "${lacks[@]}"; do skips+=(--skip "$missing"); done
        KAFKA_BOOTSTRAP_SERVERS='' KAFKA_VERSION=$version on_kafka "$log" --with jars -- "${MATRIX_TESTS[@]}" "${skips[@]}" || code=$?
        if [[ -s $OUT/bootstrap ]]; then
            report "$log" "$code" "Apache Kafka $version ($((SECONDS - start)) s, ${#lacks[@]} tests are not for this version)"
            matrix_row "$log" "$version" "${#lacks[@]}" >>"$table"
        else
            line "Apache Kafka $version: NOT RUN, it did not start"
            echo "| $version | not run: it did not start |" >>"$table"
            COMPLETE=0
        fi
    done
    cat "$table" >>"$SUMMARY"
}
