# The servers that `push` measures; sourced by it. For each: whether it can be had here, how it is started, and
# what the load generator is told of it.
#
#   SIZE       bytes of what a watcher is sent for one event, the server's own wrapping included     300
#   UWEBSOCKETS, CENTRIFUGO    programs of peers that no package has; left out where not given
#   NATS       its server's program                                                                   nats-server
SIZE=${SIZE:-300}
secret=a-secret-of-the-benchmarks-of-32-bytes-or-more
nchan=/usr/lib/nginx/modules/ngx_nchan_module.so
all_servers="fanfare epoll-send uwebsockets epoll-batch lws-batch lws-batch+rx256 nchan nats centrifugo fanfare-reports \
fanfare-embedded"

# Says why not.
can_run() {
  case $1 in
    nats | fanfare-embedded) ;;
    *) command -v redis-server >/dev/null || { echo "$1: redis-server is not installed"; return 1; } ;;
  esac
  case $1 in
    fanfare | fanfare-*) ;;
    nchan) [ -e $nchan ] || { echo "$1: libnginx-mod-nchan is not installed"; return 1; } ;;
    nats) command -v "${NATS:-nats-server}" >/dev/null || { echo "$1: nats-server is not installed"; return 1; } ;;
    epoll-* | lws-*)
      [ -d "$PEERS/servers" ] || { echo "$1: its source is not at $PEERS"; return 1; }
      compile_floor "$1" || { echo "$1: does not compile here"; return 1; } ;;
    uwebsockets) [ -x "${UWEBSOCKETS:-}" ] || { echo "$1: UWEBSOCKETS names no program"; return 1; } ;;
    centrifugo) [ -x "${CENTRIFUGO:-}" ] || { echo "$1: CENTRIFUGO names no program"; return 1; } ;;
    *) echo "$1: there is no such server; there are: $all_servers"; return 1 ;;
  esac
}

compile_floor() {
  case $1 in
    epoll-*)
      [ -e "$folder/epoll_fan" ] ||
        cc -O2 -o "$folder/epoll_fan" "$PEERS/servers/epoll_fan.c" -lhiredis -lcrypto 2>>"$folder/log" ;;
    lws-*)
      [ -e "$folder/lws_fan" ] ||
        cc -O2 -o "$folder/lws_fan" "$PEERS/servers/lws_fan.c" -lwebsockets -lhiredis 2>>"$folder/log" ;;
  esac
}

start_nchan() {
  mkdir -p "$folder/nginx"
  cat >"$folder/nginx/nginx.conf" <<NGINX
load_module $nchan;
daemon off; worker_processes 1; worker_rlimit_nofile 40000; pid $folder/nginx/pid; error_log $folder/nginx/error warn;
$([ "$(id -u)" -ne 0 ] || echo "user root;")
events { worker_connections 30000; use epoll; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600; nchan_shared_memory_size 512m;
  client_body_temp_path $folder/nginx/b; proxy_temp_path $folder/nginx/p; fastcgi_temp_path $folder/nginx/f;
  uwsgi_temp_path $folder/nginx/u; scgi_temp_path $folder/nginx/s;
  upstream store { nchan_redis_server redis://127.0.0.1:$redis_port; }
  server {
    listen 127.0.0.1:$PORT backlog=4096;
    location = /sub {
      nchan_subscriber websocket; nchan_channel_id jobs; nchan_subscriber_first_message newest; nchan_redis_pass store;
    }
    location = /pub {
      nchan_publisher; nchan_channel_id jobs; nchan_message_buffer_length 2000; nchan_message_timeout 60s;
      nchan_redis_pass store;
    }
  }
}
NGINX
  start nginx -p "$folder/nginx" -c "$folder/nginx/nginx.conf" -e "$folder/nginx/error"
  server=$pid
  wait_for_port "$PORT"
  # The master listens before its worker is there, and it is the worker that is measured.
  local deadline=$((SECONDS + 10))
  until measured=$(pgrep -P "$server"); do
    [ "$SECONDS" -lt "$deadline" ] || { echo "nginx has no worker" >&2; return 1; }
    sleep 0.05
  done
  # And the worker refuses everybody until it has found Redis.
  wait_for_answer POST /pub
}

start_nats() {
  cat >"$folder/nats.conf" <<NATS
host: 127.0.0.1
port: $((PORT + 1))
max_connections: 40000
max_pending: 256MB
write_deadline: "30s"
websocket { host: 127.0.0.1, port: $PORT, no_tls: true, compression: false }
NATS
  start "${NATS:-nats-server}" -c "$folder/nats.conf"
}

start_centrifugo() {
  cat >"$folder/centrifugo.json" <<JSON
{"http_server": {"address": "127.0.0.1", "port": $PORT}, "log": {"level": "warn"}, "usage_stats": {"disabled": true},
 "engine": {"type": "redis", "redis": {"address": ["redis://127.0.0.1:$redis_port"]}},
 "client": {"allowed_origins": ["*"], "token": {"hmac_secret_key": "$secret"}},
 "channel": {"without_namespace": {"allow_subscribe_for_client": true}}, "http_api": {"key": "bench-key"}}
JSON
  start "$CENTRIFUGO" -c "$folder/centrifugo.json"
}

# A token (HS256) that is not Fanfare's own.
foreign_token() {
  python3 - "$secret" <<'PYTHON'
import base64, hashlib, hmac, json, sys, time
def encoded(data): return base64.urlsafe_b64encode(data).rstrip(b"=")
body = b".".join(encoded(json.dumps(part).encode()) for part in (
    {"alg": "HS256", "typ": "JWT"}, {"sub": "bench", "exp": int(time.time()) + 3600}))
print((body + b"." + encoded(hmac.digest(sys.argv[1].encode(), body, hashlib.sha256))).decode())
PYTHON
}

# start_server NAME [idle]: it runs and listens; its processes are then in $measured, those that serve it in $others, and
# what the load generator needs to know of it in the array $about; `idle` for one subscription and no events.
start_server() {
  others=$redis_pid server=
  case $1 in
    fanfare)
      # The broker's own messages, by PUBLISH: the gateway does all it does otherwise, Redis what it does for the peers.
      start_fanfare redis none
      measured=$gateway
      about=(--token "$token" --jobs 1 --publish "records:$redis_port/bench" --size $((SIZE - 262)))
      ;;
    fanfare-reports | fanfare-embedded)
      # The whole way: a program writes a line, the worker reads and reports it, the broker records and publishes it. Eight
      # jobs, since a worker's reporter merges what one job says faster than it is taken.
      mkdir -p "$folder/pipes"
      case $1 in
        fanfare-reports) start_fanfare redis && others=$worker,$redis_pid ;;
        fanfare-embedded) start_fanfare embedded ;;
      esac
      measured=$gateway
      if [ "${2:-}" = idle ]; then about=(--token "$token" --subscribe user:bench); return; fi
      about=(--token "$token" --jobs 8 --window 1 --publish "reports:$folder/pipes" --size $((SIZE - 280)))
      ;;
    nchan)
      start_nchan
      about=(--path /sub --publish "http:$PORT/pub" --size "$SIZE")
      ;;
    nats)
      start_nats
      others=
      about=(--path / --publish "nats:$((PORT + 1))" --size $((SIZE - 18)) --ready PONG
        --greeting $'CONNECT {"verbose":false,"pedantic":false}\r\nSUB jobs 1\r\nPING\r\n')
      ;;
    centrifugo)
      start_centrifugo
      about=(--publish "http:$PORT/api/publish" --header "X-API-Key: bench-key" --body '{"channel":"jobs","data":%s}'
        --size $((SIZE - 44)) --ready '"subscribe":'
        --greeting "{\"id\":1,\"connect\":{\"token\":\"$(foreign_token)\"}}"$'\n''{"id":2,"subscribe":{"channel":"jobs"}}')
      ;;
    epoll-* | lws-* | uwebsockets)
      local arguments=(--port "$PORT" --redis-port "$redis_port" --channel "jobs.$PORT")
      about=(--path / --publish "redis:$redis_port/jobs.$PORT" --size "$SIZE")
      case $1 in
        epoll-*) start "$folder/epoll_fan" "${arguments[@]}" --mode "${1#epoll-}" ;;
        lws-batch) start "$folder/lws_fan" "${arguments[@]}" --loop uv --strategy bypass-batch ;;
        lws-batch+rx256)
          start "$folder/lws_fan" "${arguments[@]}" --loop uv --strategy bypass-batch --rx-buf 256 --tx-packet 65536 ;;
        uwebsockets) start "$UWEBSOCKETS" "${arguments[@]}" ;;
      esac
      case $1 in lws-*) about+=(--subprotocol jobs) ;; esac
      ;;
  esac
  case $1 in
    fanfare*) ;;
    nchan) ;;
    *)
      server=$pid measured=$pid
      wait_for_port "$PORT"
      ;;
  esac
}

stop_server() {
  case $1 in
    fanfare*)
      stop_fanfare
      rm -rf "$folder/pipes"
      ;;
    *) stop "$server" ;;
  esac
}
