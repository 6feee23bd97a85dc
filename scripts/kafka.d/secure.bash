# shellcheck shell=bash
# `up --secure`: listeners that encrypt, listeners that authenticate clients, listeners that no client should trust, and access control.
# The listener PLAINTEXT remains, for the brokers themselves and for tests that inspect the cluster: its clients may do everything.

# One listener per line: its name, its protocol, its certificate.
SECURE_LISTENERS='SSL SSL server
MTLS SSL server
SASL_PLAINTEXT SASL_PLAINTEXT
SASL_SSL SASL_SSL server
REAUTH SASL_PLAINTEXT
EXPIRED SSL server-expired
WRONG_NAME SSL server-wrong-name
FOREIGN SSL server-foreign'
SECURE_COUNT=8
SECURE_MECHANISMS=(PLAIN SCRAM-SHA-256 SCRAM-SHA-512 OAUTHBEARER)
# The listener REAUTH requires reauthentication after this time.
SECURE_REAUTH_MS=2000

# secure_properties N: adds the settings of --secure to a broker's configuration, which it reads from stdin, and its listeners after the
# existing ones. SECURE_PORTS has SECURE_COUNT ports for each broker.
secure_properties() {
    local offset=$((($1 - 1) * SECURE_COUNT)) listeners='' protocols='' settings=() name protocol certificate lower authorizer
    while read -r name protocol certificate; do
        listeners+=",$name://127.0.0.1:${SECURE_PORTS[offset++]}"
        protocols+=",$name:$protocol"
        lower=listener.name.${name,,}
        [[ -z $certificate ]] || settings+=(
            "$lower.ssl.keystore.type=PEM" "$lower.ssl.keystore.location=$STATE/secure/$certificate.pem"
            "$lower.ssl.truststore.type=PEM" "$lower.ssl.truststore.location=$STATE/secure/ca.pem"
        )
        [[ $protocol != SASL_* ]] || secure_mechanisms "$lower"
    done <<<"$SECURE_LISTENERS"
    sed -e "/^\(advertised\.\)\?listeners=/s|$|$listeners|" -e "/^listener.security.protocol.map=/s|$|$protocols|"
    # Kafka reads an encrypted key only with its password, and a password only for an encrypted key.
    at_least 3.0 || settings+=(ssl.key.password=key-secret)
    authorizer=org.apache.kafka.metadata.authorizer.StandardAuthorizer
    ! with_zookeeper || authorizer=kafka.security.authorizer.AclAuthorizer
    cat <<PROPERTIES

listener.name.mtls.ssl.client.auth=required
listener.name.mtls.ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/
listener.name.reauth.connections.max.reauth.ms=$SECURE_REAUTH_MS
authorizer.class.name=$authorizer
super.users=User:ANONYMOUS
PROPERTIES
    printf '%s\n' "${settings[@]}"
}

# secure_mechanisms PREFIX: adds to `settings` how the listener authenticates clients.
secure_mechanisms() {
    local modules=org.apache.kafka.common.security
    settings+=(
        "$1.sasl.enabled.mechanisms=$(IFS=, && echo "${SECURE_MECHANISMS[*]}")"
        "$1.plain.sasl.jaas.config=$modules.plain.PlainLoginModule required user_alice=\"alice-secret\" user_mallory=\"mallory-secret\";"
        "$1.scram-sha-256.sasl.jaas.config=$modules.scram.ScramLoginModule required;"
        "$1.scram-sha-512.sasl.jaas.config=$modules.scram.ScramLoginModule required;"
        "$1.oauthbearer.sasl.jaas.config=$modules.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";"
        "$1.oauthbearer.sasl.server.callback.handler.class=$modules.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler"
    )
}

# secure_format: the options of StorageTool's format that create the SCRAM users, one per line.
secure_format() {
    local mechanism user
    ! with_zookeeper || return 0
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
        for user in alice mallory rotating; do printf '%s\n' --add-scram "$mechanism=[name=$user,password=$user-secret]"; done
    done
}

# secure_files BROKERS: creates the certificates, and the file with the listeners' addresses for the tests.
secure_files() {
    local n address index=0 name
    mkdir -p "$STATE/secure"
    certificates "$STATE/secure" >"$STATE/secure/log" 2>&1 || { cat "$STATE/secure/log" >&2; return 1; }
    while read -r name _; do
        address=''
        for ((n = 0; n < $1; n++)); do address+="${address:+,}127.0.0.1:${SECURE_PORTS[n * SECURE_COUNT + index]}"; done
        echo "$name=$address"
        index=$((index + 1))
    done <<<"$SECURE_LISTENERS" >"$STATE/secure/listeners.properties"
}

# secure_users: creates the SCRAM users where secure_format cannot.
secure_users() {
    local user
    with_zookeeper || return 0
    for user in alice mallory rotating; do
        kafka_tool ConfigCommand --bootstrap-server "$(<"$STATE/bootstrap")" --alter --entity-type users --entity-name "$user" \
            --add-config "SCRAM-SHA-256=[password=$user-secret],SCRAM-SHA-512=[password=$user-secret]" \
            >>"$STATE/secure/log" 2>&1 || { cat "$STATE/secure/log" >&2; return 1; }
    done
}

# secure_rights: gives alice, rotating and the client certificate all permissions on topics, groups and transactions, and mallory none.
secure_rights() {
    kafka_tool AclCommand --bootstrap-server "$(<"$STATE/bootstrap")" --add --topic '*' --group '*' \
        --transactional-id '*' --operation All --allow-principal User:alice --allow-principal User:rotating --allow-principal User:client \
        >>"$STATE/secure/log" 2>&1 || { cat "$STATE/secure/log" >&2; return 1; }
}
