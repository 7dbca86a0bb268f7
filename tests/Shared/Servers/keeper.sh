# Runs a server for as long as the test process lives, and not a moment longer.
# usage: sh -c "$keeper" keeper DATA_FOLDER PROGRAM ARGUMENTS...
#
# Standard input is a pipe whose only writer is the test process. However that process ends, the kernel closes the
# pipe, and then the server is killed by its own process id and its data folder goes. SIGKILL, because it also ends a
# server that a test has stopped with SIGSTOP.
trap '' INT TERM HUP
folder=$1
shift
exec 3<&0
"$@" </dev/null >>"$folder/server.log" 2>&1 3<&- &
server=$!
{
    while read -r _ <&3; do :; done
    : >"$folder/ended"
    kill -KILL "$server" 2>/dev/null
} >/dev/null 2>&1 &
watcher=$!
echo "$server"
# The shell reports a killed server by itself; that is no news for the test run.
exec >/dev/null 2>&1
wait "$server"
status=$?
kill -KILL "$watcher" 2>/dev/null
if [ -e "$folder/ended" ]; then
    rm -rf -- "$folder"
fi
exit "$status"
