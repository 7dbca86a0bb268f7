#!/usr/bin/env bash
# Runs all tests: installs the servers and the browser they need where it can, builds once, runs every test project, sums up.
#
#   ./test.sh                            everything
#   ./test.sh --filter Scopes            arguments go to every `dotnet test`
#   LARDER_TEST_SERVERS=none ./test.sh   without servers; the tests on them are skipped, and counted as skipped
#   LARDER_TEST_BROWSER=none ./test.sh   the same without a browser
#
# The last line is "N passed, N failed, N skipped". A project whose test host died, hung, or ran no test counts as a failure.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. eng/test/install.sh

export LC_ALL=C NO_COLOR=1 DOTNET_CLI_UI_LANGUAGE=en DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

results=artifacts/test-results
hang_timeout=10m         # one test
project_limit=$((20 * 60)) # one project
total_limit=$((50 * 60))   # all of it
build_options=()
if [ -n "${CI:-}" ]; then
  # Servers that outlive the build keep its output open, and whoever reads it waits for them.
  build_options+=(--disable-build-servers)
fi

passed=0 failed=0 skipped=0

check_sdk() {
  if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo 'The .NET SDK 10 is needed: install it and put dotnet on the PATH.' >&2
    exit 1
  fi
}

# Runs a command until a limit in seconds; without the tool for it (macOS) until it ends, or the hang timeout ends it.
limited() {
  local limit=$1
  shift
  if command -v timeout >/dev/null; then
    timeout --foreground -k 10 "$limit" "$@"
  else
    "$@"
  fi
}

run_project() {
  local project=$1 name limit status=0
  shift
  name=$(basename "$project" .csproj)
  limit=$((total_limit - SECONDS))
  limit=$((limit < project_limit ? limit : project_limit))
  echo "== $name"
  if [ "$limit" -le 0 ]; then
    echo "$name: no time left"
    failed=$((failed + 1))
    return
  fi

  limited "$limit" dotnet test "$project" --no-build -c Release --results-directory "$results" \
    --logger "trx;LogFileName=$name.trx" --blame-hang --blame-hang-timeout "$hang_timeout" --blame-hang-dump-type none \
    "$@" </dev/null || status=$?
  count "$name" "$status" "$#"
}

# Adds one project's results. Counts what the results file says; what it cannot say is a failure.
count() {
  local name=$1 status=$2 arguments=$3 total=0 executed=0 good=0 bad=0 counters
  counters=$(grep -o '<Counters [^>]*' "$results/$name.trx" 2>/dev/null | head -n 1) || true
  if [ -n "$counters" ]; then
    total=$(counter total) executed=$(counter executed) good=$(counter passed)
    bad=$(($(counter failed) + $(counter error) + $(counter timeout) + $(counter aborted)))
  fi

  if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
    echo "$name: ended with exit code $status, which no failed test explains"
    bad=1
  elif [ "$total" -eq 0 ] && [ "$arguments" -eq 0 ]; then
    # With a filter a project may well have nothing to run.
    echo "$name: ran no test"
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + total - executed))
}

counter() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }

check_sdk
if [ "${LARDER_TEST_SERVERS:-}" != none ]; then
  install_servers
fi
if [ "${LARDER_TEST_BROWSER:-}" != none ]; then
  install_browser
fi
rm -rf "$results"
dotnet build Extensions.sln -c Release ${build_options[@]+"${build_options[@]}"} </dev/null

for project in tests/*/*.Tests.csproj; do
  run_project "$project" "$@"
done

if [ $((passed + failed + skipped)) -eq 0 ]; then
  echo 'No test matches.'
  failed=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
