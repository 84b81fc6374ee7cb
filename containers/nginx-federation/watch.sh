#!/bin/sh
# Looks every few seconds for what nginx reads only when it is told to: the authorities of clients and the list of peers.
# It is told after `nginx -t` alone, and only on a change: each reload leaves a generation of workers behind until its last
# socket ends. Server and client certificates need none: nginx opens them with each handshake.
run=${RUN_DIR:?} identity=${IDENTITY_DIR:?} federation=${FEDERATION_CONFIG_DIR:?}
sum() {
  { cat "$identity/current/client_ca.pem" "$identity/current/bundle.pem" "$federation/current/peers.conf" \
      "$federation"/current/ca/*.pem 2>/dev/null || true; } | sha256sum | cut -d' ' -f1
}
say() { printf '{"level":"%s","service":"nginx-federation","msg":"%s","reload_ok":%s}\n' "$1" "$2" "$3"; }

# What nginx has read at its start.
now=$(sum)
refused=
while sleep "${LOOK_SECONDS:-5}"; do
  touch "$run/looked"
  next=$(sum)
  [ "$next" != "$now" ] && [ "$next" != "$refused" ] || continue
  if nginx -t -q -c "$run/nginx.conf"; then
    nginx -s reload -c "$run/nginx.conf"
    now=$next refused=
    echo 1 >"$run/reload-ok"
    say info 'reloaded: authorities or peers have changed' true
  else
    # The old configuration goes on. The same fault is tried once; the next change again.
    refused=$next
    echo 0 >"$run/reload-ok"
    say error 'the new authorities or peers are refused: the old ones go on' false
  fi
done
