# Installs the servers and the browser that the tests use, where they are missing and this machine allows it.
# Sourced by test.sh. Does nothing, and asks no package source anything, when all is there.

# A server is there when its variable names one or its program is found.
has_redis() { [ -n "${LARDER_REDIS_SERVER:-}" ] || command -v redis-server >/dev/null; }
has_valkey() { [ -n "${LARDER_VALKEY_SERVER:-}" ] || command -v valkey-server >/dev/null; }

install_servers() {
  if has_redis && has_valkey; then
    return
  fi

  if command -v brew >/dev/null; then
    install_servers_with_brew
  elif command -v apt-get >/dev/null && can_be_root; then
    # A subshell, so that its trap cleans up the moment the installing ends, well or badly.
    (install_servers_with_apt) || true
  fi

  hash -r
  has_redis || cannot_install redis-server LARDER_REDIS_SERVER
  has_valkey || cannot_install valkey-server LARDER_VALKEY_SERVER
}

# As tests/Dashboard.Tests/Browser/BrowserBinary.cs looks for it.
has_browser() {
  [ -n "${LARDER_CHROMIUM:-}" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null ||
    [ -x '/Applications/Chromium.app/Contents/MacOS/Chromium' ] || [ -x '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome' ]
}

install_browser() {
  if has_browser; then
    return
  fi

  if command -v brew >/dev/null; then
    brew install --cask chromium
  elif command -v apt-get >/dev/null && can_be_root; then
    (install_browser_with_apt) || true
  fi

  hash -r
  has_browser || cannot_install chromium LARDER_CHROMIUM LARDER_TEST_BROWSER 'in a browser'
}

cannot_install() {
  echo "$1 is missing and cannot be installed here: install it, set $2 to its path, or set ${3:-LARDER_TEST_SERVERS}=none to skip the tests ${4:-on servers}." >&2
  exit 1
}

can_be_root() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  else
    sudo -n env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
  fi
}

install_servers_with_brew() {
  has_redis || brew install redis
  # The two formulae refuse to be linked at the same time, but each is still found below its own prefix.
  if ! has_valkey; then
    brew unlink redis >/dev/null 2>&1 || true
    brew install valkey
  fi
  local redis
  redis=$(brew --prefix redis)/bin/redis-server
  if [ -z "${LARDER_REDIS_SERVER:-}" ] && [ -x "$redis" ]; then
    export LARDER_REDIS_SERVER=$redis
  fi
}

policy=/usr/sbin/policy-rc.d
backports=/etc/apt/sources.list.d/larder-test-backports.list
made_policy=

install_servers_with_apt() {
  export DEBIAN_FRONTEND=noninteractive
  trap clean_up_apt EXIT
  keep_services_down
  apt_update
  has_redis || apt_install redis-server
  if ! has_valkey; then
    if ! has_candidate valkey-server; then
      add_backports
    fi
    apt_install valkey-server
  fi
}

install_browser_with_apt() {
  export DEBIAN_FRONTEND=noninteractive
  apt_update
  apt_install chromium
}

# The tests start servers of their own. Nothing may start on the well-known port, neither now nor at the next boot.
keep_services_down() {
  if [ ! -e "$policy" ]; then
    made_policy=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod +x "$policy"
  fi
}

# Waits while the machine's own daily update holds the lists: for these apt has no timeout of its own.
apt_update() {
  local attempt answer status=0
  for attempt in $(seq 31); do
    status=0
    answer=$(as_root apt-get update -q -o Acquire::Retries=3 "$@" 2>&1) || status=$?
    case $answer in
      *'Could not get lock'* | *'Unable to lock'*) [ "$attempt" -eq 31 ] || sleep 10 ;;
      *) break ;;
    esac
  done
  printf '%s\n' "$answer"
  return "$status"
}

apt_install() {
  # The release is named only for a package that the machine's own sources lack.
  local release=()
  if [ -e "$backports" ]; then
    release=(-t "$(codename)-backports")
  fi
  as_root apt-get install -q -y --no-install-recommends -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 "${release[@]}" "$1"
  if command -v systemctl >/dev/null; then
    as_root systemctl disable "$1" >/dev/null 2>&1 || true
  elif command -v update-rc.d >/dev/null; then
    as_root update-rc.d "$1" disable >/dev/null 2>&1 || true
  fi
}

has_candidate() { apt-cache policy "$1" | grep 'Candidate:' | grep -qv '(none)'; }

codename() { (. /etc/os-release && echo "$VERSION_CODENAME"); }

# The backports of the release that is installed, from the same mirror, for as long as this takes.
add_backports() {
  local uri components=main keyring
  uri=$(apt-get indextargets --format '$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' -v release="$(codename)" '$1 == release { print $2; exit }')
  if [ -z "$uri" ]; then
    return
  fi

  if [ "$(. /etc/os-release && echo "$ID")" = ubuntu ]; then
    components='main universe'
  fi
  keyring=/usr/share/keyrings/$(. /etc/os-release && echo "$ID")-archive-keyring.gpg
  if [ -e "$keyring" ]; then
    keyring="[signed-by=$keyring] "
  else
    keyring=
  fi
  echo "deb $keyring$uri $(codename)-backports $components" | as_root tee "$backports" >/dev/null
  apt_update -o Dir::Etc::sourcelist="$backports" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
}

clean_up_apt() {
  as_root rm -f "$backports"
  if [ -n "$made_policy" ]; then
    as_root rm -f "$policy"
  fi
}
