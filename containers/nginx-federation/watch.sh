#!/bin/sh
# Looks every few seconds whether cert-writer or the registry has written something new, and lets nginx read it: after
# `nginx -t` alone, and only on a change. Each reload leaves a generation of workers behind until its last socket ends.
umask 077
here=$(dirname "$0")
. "$here/render.sh"
[ "${STANDALONE:-}" != true ] || identity=$run/identity
now=$1
refused=
say() { printf '{"level":"%s","service":"nginx-federation","msg":"%s","reload_ok":%s}\n' "$1" "$2" "$3"; }

while sleep "${LOOK_SECONDS:-5}"; do
  touch "$run/looked"
  [ "${STANDALONE:-}" != true ] || place_public
  next=$(versions)
  { [ "$next" != "$now" ] && [ "$next" != "$refused" ]; } || continue
  render nginx.conf "$run/nginx.next" "$next"
  if nginx -t -q -c "$run/nginx.next"; then
    mv "$run/nginx.next" "$run/nginx.conf"
    nginx -s reload -c "$run/nginx.conf"
    now=$next refused=
    echo 1 >"$run/reload-ok"
    say info 'reloaded: certificates, authorities or peers have changed' true
  else
    # The old configuration goes on. The same fault is tried once; the next change again.
    refused=$next
    echo 0 >"$run/reload-ok"
    say error 'the new certificates, authorities or peers are refused: the old ones go on' false
  fi
done
