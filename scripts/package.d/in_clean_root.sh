# Run by scripts/package test-deb in a clean Debian, which has the package as /tmp/ottla.deb.
export DEBIAN_FRONTEND=noninteractive
set -eu
step() { printf '\n# %s\n' "$*"; }

find / -xdev -not -path '/tmp/*' -not -path '/proc/*' | sort >/tmp/before

step apt-get install ./ottla.deb
apt-get -qq update
apt-get -qq install --no-install-recommends -y /tmp/ottla.deb >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
dpkg -s ottla | grep -E '^(Package|Status|Version|Depends):'
dpkg -L ottla | grep -E '^/(usr/bin|etc|lib/systemd|usr/share/(bash|zsh|fish)).*[^/]$'

step ottla --version
ottla --version
: >>/var/log/syslog
ottla config check /etc/ottla/example.toml
echo "the example is valid"
grep -q 'ottla.*produce' /usr/share/bash-completion/completions/ottla

step 'ottla produce to a Kafka, and consume'
cd /tmp || exit
printf 'first\nsecond\nthird\n' >rows.txt
printf 'topic = "logs"\n[producer]\nbootstrap.servers = "localhost:9092"\n[input]\npath = "rows.txt"\n' >rows.toml
ottla produce -c rows.toml -b "$KAFKA_BOOTSTRAP_SERVERS"
ottla consume -b "$KAFKA_BOOTSTRAP_SERVERS" -t logs --from-beginning --idle 3 --format lines

step "the unit's command: a followed file, and SIGTERM"
mkdir -p /etc/ottla /var/log /var/lib/ottla/test
printf 'topic = "logs"\n[producer]\nbootstrap.servers = "localhost:9092"\n[input]\npath = "/var/log/test.log"\n' >/etc/ottla/test.toml
echo one >/var/log/test.log
# As systemd expands it.
OPTIONS="--bootstrap-servers $KAFKA_BOOTSTRAP_SERVERS"
command=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/ottla@.service | sed "s/%i/test/g; s|\$OPTIONS|$OPTIONS|")
echo "$command"
cd /var/lib/ottla/test || exit
$command >/tmp/unit.log 2>&1 &
pid=$!
sleep 3
echo two >>/var/log/test.log
sleep 3
kill -TERM "$pid" || true
code=0
wait "$pid" || code=$?
cat /tmp/unit.log
echo "exit code $code"
[ "$code" = 0 ]

# As "systemctl enable ottla@test" does.
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -s /lib/systemd/system/ottla@.service /etc/systemd/system/multi-user.target.wants/ottla@test.service

step apt-get purge ottla
apt-get -qq purge -y ottla >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; exit 1; }
rm -f /etc/ottla/test.toml /var/log/test.log /var/log/syslog
rmdir /etc/ottla /etc/systemd/system/multi-user.target.wants /etc/systemd/system /etc/systemd 2>/dev/null || true
apt-get -qq autoremove --purge -y >/dev/null
find / -xdev -not -path '/tmp/*' -not -path '/proc/*' | sort >/tmp/after
left=$(comm -13 /tmp/before /tmp/after | grep -vE '^/(var/(lib/apt|lib/dpkg|cache|log)|etc/ld\.so\.cache)' || true)
if [ -n "$left" ]; then
    printf 'left behind:\n%s\n' "$left"
    exit 1
fi
echo "nothing is left"
