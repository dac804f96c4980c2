# What the benchmarks share; sourced. FANFARE is the program that is measured (scripts/bench sets it).
#
#   PASSES     how often everything is measured, one server after the other    3
#   PORT       the first of ten ports that are used                             a random one
#   PEERS      folder of the floor servers; left out where it is not there      ../shared/bench/push
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${FANFARE:?start this through scripts/bench}"
PASSES=${PASSES:-3}
PORT=${PORT:-$((20000 + RANDOM % 12000))}
redis_port=$((PORT + 9))
PEERS=${PEERS:-$here/../../shared/bench/push}

folder=$(mktemp -d)
started=()
gateway= worker=
# Whatever ends this script ends what it started, each by its id.
finish() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT TERM
ulimit -n 40000 2>/dev/null || ulimit -n "$(ulimit -Hn)"

# Starts a program in the background; its id is then in $pid.
start() {
  "$@" >>"$folder/log" 2>&1 &
  pid=$!
  started+=("$pid")
}

stop() {
  local each
  for each in "$@"; do kill "$each" 2>/dev/null || true; done
  for each in "$@"; do wait "$each" 2>/dev/null || true; done
}

wait_for_port() {
  local deadline=$((SECONDS + 20))
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo "nothing listens on port $1" >&2
      cat "$folder/log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# answers METHOD PATH: whether the server on $PORT answers with 200 or the like.
answers() (
  exec 3<>"/dev/tcp/127.0.0.1/$PORT"
  printf '%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\n.' "$1" "$2" >&3
  read -r -t 5 status <&3
  [[ $status == *" 20"* ]]
) 2>/dev/null

wait_for_answer() {
  local deadline=$((SECONDS + 20))
  until answers "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || { echo "$1 $2 is not answered on port $PORT" >&2; cat "$folder/log" >&2; return 1; }
    sleep 0.05
  done
}

build_load() {
  local compiler=${CC:-cc}
  "$compiler" -std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -o "$folder/load" "$here"/load/*.c
}

load() { "$folder/load" "$@"; }

start_redis() {
  command -v redis-server >/dev/null || return 1
  start redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly yes \
    --appendfsync everysec --client-output-buffer-limit pubsub 0 0 0
  redis_pid=$pid
  wait_for_port "$redis_port"
}

# configuration URL WORKERS FOLDER: a file for a gateway on $PORT, on standard output; GATEWAY is more of its section.
# Nothing is compared with records, but for COMPARE: the load publishes by itself, and no record tells of its events.
configuration() {
  cat <<TOML
[gateway]
port = $PORT
max_connections = 40000
max_connections_per_address = 0
handshakes_per_second = 0
handshakes_per_second_per_address = 0
handshakes_per_second_per_user = 0
max_subscriptions = 100000
compare_interval = "${COMPARE:-0s}"
${GATEWAY:-}
[broker]
url = "$1"
folder = "$3"
[admission]
requests = 1000000
[workers]
embedded = $2
[workers.ffmpeg]
enabled = false
[[workers.commands]]
name = "bench"
program = "cat"
arguments = ["{payload.pipe}"]
progress = "json"
[[workers.commands]]
name = "noop"
program = "true"
[backup]
interval = "0s"
[log]
level = "error"
TOML
}

# start_fanfare redis|embedded [none]: sets $gateway, $worker (empty where the gateway has the workers, and where none is
# wanted) and $token.
start_fanfare() {
  local state="$folder/state.$1.$RANDOM" file="$folder/$1.toml" slots=10
  case $1 in
    redis)
      configuration "redis://127.0.0.1:$redis_port/0" 0 "$state" >"$file"
      redis-cli -p "$redis_port" flushall >/dev/null
      ;;
    embedded) configuration embedded "$slots" "$state" >"$file" ;;
  esac
  mkdir -p "$state"
  start "$FANFARE" serve --config "$file"
  gateway=$pid worker=
  # A supervisor's port takes connections before its processes are there.
  wait_for_answer GET /readyz
  if [ "$1" = redis ] && [ "${2:-}" != none ]; then
    start "$FANFARE" work --config "$file" --slots "$slots"
    worker=$pid
  fi
  token=$("$FANFARE" token --config "$file" --user bench --expires 1h | tail -n 1)
}

stop_fanfare() {
  # The worker first: it gives its jobs back while the broker is there.
  [ -z "$worker" ] || stop "$worker"
  stop "$gateway"
}

# medians FILE KEY… FIELD…: lines of name=value, by the fields before the --, the median of those after it.
#   medians figures label phase watchers -- per_s p50
medians() {
  local file=$1
  shift
  awk -v wanted="$*" '
    BEGIN {
      count = split(wanted, names, " ")
      for (i = 1; i <= count; i++) if (names[i] == "--") border = i
    }
    {
      delete value
      for (i = 1; i <= NF; i++) { at = index($i, "="); value[substr($i, 1, at - 1)] = substr($i, at + 1) }
      key = ""
      for (i = 1; i < border; i++) key = key sprintf("%-16s", value[names[i]])
      if (!(key in rows)) { order[++kinds] = key }
      n = ++rows[key]
      for (i = border + 1; i <= count; i++) figure[key, i, n] = value[names[i]] + 0
    }
    function median(key, i, n,    j, k, t, list) {
      for (j = 1; j <= n; j++) list[j] = figure[key, i, j]
      for (j = 1; j <= n; j++) for (k = j + 1; k <= n; k++) if (list[k] < list[j]) { t = list[j]; list[j] = list[k]; list[k] = t }
      return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
    }
    END {
      line = ""
      for (i = 1; i < border; i++) line = line sprintf("%-16s", names[i])
      for (i = border + 1; i <= count; i++) {
        width[i] = length(names[i]) > 11 ? length(names[i]) + 2 : 13
        line = line sprintf("%" width[i] "s", names[i])
      }
      print line sprintf("%8s", "passes")
      for (r = 1; r <= kinds; r++) {
        line = order[r]
        for (i = border + 1; i <= count; i++) line = line sprintf("%" width[i] ".2f", median(order[r], i, rows[order[r]]))
        print line sprintf("%8d", rows[order[r]])
      }
    }' "$file"
}
