#!/bin/sh
# Makes the configuration of its templates, in memory, waits for the first certificates, starts the look-out and becomes nginx.
set -eu
: "${FEDERATION_PROXY_TOKEN:?}"
here=$(dirname "$0")
run=${RUN_DIR:-/tmp/nginx}
identity=${IDENTITY_DIR:-/identity}
federation=${FEDERATION_CONFIG_DIR:-/federation}
umask 077
mkdir -p "$run"

# A token with other characters could say something to nginx or to sed.
case $FEDERATION_PROXY_TOKEN in *[!A-Za-z0-9_-]*) echo 'FEDERATION_PROXY_TOKEN has characters beside A-Z a-z 0-9 _ -' >&2; exit 1 ;; esac
# The certificate of the operator's own name for consumers outside: used where a client asks for that name.
public=
if [ -n "${FEDERATION_PUBLIC_HOST:-}" ]; then
  case $FEDERATION_PUBLIC_HOST in *[!A-Za-z0-9.-]*) echo 'FEDERATION_PUBLIC_HOST is no host name' >&2; exit 1 ;; esac
  public=$FEDERATION_PUBLIC_HOST
fi

render() {
  sed -e "s|@TOKEN@|$FEDERATION_PROXY_TOKEN|g" -e "s|@RUN@|$run|g" -e "s|@IDENTITY@|$identity/current|g" \
    -e "s|@FEDERATION@|$federation/current|g" -e "s|@REGISTRY@|${REGISTRY_UPSTREAM:-registry:8001}|g" \
    -e "s|@RESOLVER@|${RESOLVER:-127.0.0.11}|g" -e "s|@PORT@|${LISTEN_PORT:-8443}|g" \
    -e "s|@INNER_PORT@|${INNER_PORT:-9443}|g" -e "s|@HEALTH_PORT@|${HEALTH_PORT:-8081}|g" \
    -e "s|@PUBLIC_HOST@|${public:-_}|g" -e "s|@PUBLIC_CERT@|${FEDERATION_PUBLIC_CERT_FILE:-/public/tls.crt}|g" \
    -e "s|@PUBLIC_KEY@|${FEDERATION_PUBLIC_KEY_FILE:-/public/tls.key}|g" \
    -e "s|@SHUTDOWN@|${WORKER_SHUTDOWN_TIMEOUT:-10m}|g" "$here/$1.template" >"$run/$1"
}
render nginx.conf
render outbound.conf
unset FEDERATION_PROXY_TOKEN

# cert-writer puts at least a placeholder there before it says that it is healthy.
tries=0
until [ -e "$identity/current/client_ca.pem" ]; do
  tries=$((tries + 1))
  [ $tries -le 120 ] || { echo 'no certificates came from cert-writer' >&2; exit 1; }
  sleep 1
done

nginx -t -q -c "$run/nginx.conf"
touch "$run/looked"
RUN_DIR=$run IDENTITY_DIR=$identity FEDERATION_CONFIG_DIR=$federation /bin/sh "$here/watch.sh" &
exec nginx -c "$run/nginx.conf" -g 'daemon off;'
