# shellcheck shell=bash
# Certificates for `up --secure`, created with openssl. They are for tests on the loopback interface and are removed with the instance.

# key_and_request NAME COMMON_NAME: creates a private key in PKCS#8, NAME.key, and a certificate request, NAME.csr.
key_and_request() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
}

# authority NAME: creates a CA, NAME.pem.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=ottla tests $1" \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' -keyout "$1.key" -out "$1.pem"
}

# certificate NAME COMMON_NAME CA EXTENSIONS [FROM TO]: creates NAME.pem, a key and its certificate issued by the CA. It uses `openssl ca`
# because that is the only command in all versions of openssl that can create an expired certificate.
certificate() {
    local name=$1 authority=$3 from=${5:-20200101000000Z} to=${6:-20491231000000Z}
    key_and_request "$name" "$2" || return
    printf '%s\n' "$4" >"$name.ext"
    : >"$authority.index"
    openssl ca -batch -config <(cat <<CONFIG
[ca]
default_ca = tests
[tests]
database = $authority.index
new_certs_dir = issued
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
CONFIG
    ) -cert "$authority.pem" -keyfile "$authority.key" -startdate "$from" -enddate "$to" -notext -extfile "$name.ext" \
        -in "$name.csr" -out "$name.crt" || return
    cat "$name.key" "$name.crt" >"$name.pem"
}

# encrypt_keys NAME.key...: encrypts the keys in NAME.pem with the password key-secret. Kafka before 3.0 reads no other ones from PEM.
encrypt_keys() {
    local key
    for key; do
        openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in "$key" -passout pass:key-secret | cat - "${key%.key}.crt" >"${key%.key}.pem"
    done
}

# certificates DIR: creates ca.pem, and NAME.pem (a key and its certificate) of the servers and clients in secure_listeners and `help`.
certificates() (
    local loopback='subjectAltName=IP:127.0.0.1,DNS:localhost' expired=(20200101000000Z 20200102000000Z)
    mkdir -p "$1/issued"
    cd "$1" || exit
    set -e
    authority ca
    authority foreign-ca
    certificate server 127.0.0.1 ca "$loopback"
    certificate server-expired 127.0.0.1 ca "$loopback" "${expired[@]}"
    certificate server-wrong-name elsewhere.example ca 'subjectAltName=DNS:elsewhere.example'
    certificate server-foreign 127.0.0.1 foreign-ca "$loopback"
    certificate client client ca 'extendedKeyUsage=clientAuth'
    certificate client-expired client ca 'extendedKeyUsage=clientAuth' "${expired[@]}"
    certificate client-foreign client foreign-ca 'extendedKeyUsage=clientAuth'
    openssl pkcs8 -topk8 -v2 aes-256-cbc -in client.key -passout pass:key-secret -out client-encrypted.key
    cat client-encrypted.key client.crt >client-encrypted.pem
    at_least 3.0 || encrypt_keys server*.key
    rm -rf -- *.csr *.ext *.index* issued
)
