#!/bin/sh
# Waits for the first certificates, makes the configuration, starts the look-out and becomes nginx.
set -eu
umask 077
here=$(dirname "$0")
. "$here/render.sh"
: "${FEDERATION_PROXY_TOKEN:?}"
mkdir -p "$run"

# Other characters could say something to nginx or to sed.
case $FEDERATION_PROXY_TOKEN in *[!A-Za-z0-9_-]*) echo 'FEDERATION_PROXY_TOKEN has characters beside A-Z a-z 0-9 _ -' >&2; exit 1 ;; esac
case ${FEDERATION_PUBLIC_HOST:-} in *[!A-Za-z0-9.-]*) echo 'FEDERATION_PUBLIC_HOST is no host name' >&2; exit 1 ;; esac

# Without cert-writer: the operator's certificate for everybody, and an authority of clients that has signed none.
if [ "${STANDALONE:-}" = true ]; then
  public=${PUBLIC_DIR:-/public}
  [ -r "$public/tls.crt" ] && [ -r "$public/tls.key" ] || {
    echo "a standalone stack needs tls.crt and tls.key in nginx-federation/public, readable for uid 101" >&2
    exit 1
  }
  identity=$run/identity
  export IDENTITY_DIR="$identity"
  mkdir -p "$identity/v-public"
  cp "$public/tls.crt" "$identity/v-public/svid.pem"
  cp "$public/tls.key" "$identity/v-public/svid_key.pem"
  cp "$public/tls.crt" "$identity/v-public/client_ca.pem"
  ln -sfn v-public "$identity/current"
fi

# cert-writer puts at least a placeholder there before it says that it is healthy.
tries=0
until [ -e "$identity/current/client_ca.pem" ]; do
  tries=$((tries + 1))
  [ $tries -le 120 ] || { echo 'no certificates came from cert-writer' >&2; exit 1; }
  sleep 1
done

now=$(versions)
render outbound.conf "$run/outbound.conf" "$now"
render nginx.conf "$run/nginx.conf" "$now"
nginx -t -q -c "$run/nginx.conf"
touch "$run/looked"
/bin/sh "$here/watch.sh" "$now" &
unset FEDERATION_PROXY_TOKEN
exec nginx -c "$run/nginx.conf" -g 'daemon off;'
