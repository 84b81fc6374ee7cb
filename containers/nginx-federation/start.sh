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

# The operator's certificate is needed where the stack stands alone, and where a public host is named. The second is read by
# nginx with each handshake, and so not by the `nginx -t` of the configuration: judged here, before anybody is turned away.
if [ "${STANDALONE:-}" = true ] || [ -n "${FEDERATION_PUBLIC_HOST:-}" ]; then
  [ -r "$public/tls.crt" ] && [ -r "$public/tls.key" ] || {
    echo "a standalone stack, or FEDERATION_PUBLIC_HOST, needs tls.crt and tls.key in nginx-federation/public, readable for uid 101" >&2
    exit 1
  }
  cat >"$run/judge.conf" <<JUDGE
pid $run/judge.pid;
error_log /dev/stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path $run/body; proxy_temp_path $run/proxy; fastcgi_temp_path $run/fastcgi;
  uwsgi_temp_path $run/uwsgi; scgi_temp_path $run/scgi;
  server { listen unix:$run/judge.sock ssl; ssl_certificate $public/tls.crt; ssl_certificate_key $public/tls.key; }
}
JUDGE
  nginx -t -q -c "$run/judge.conf" || { echo 'tls.crt and tls.key in nginx-federation/public are no pair' >&2; exit 1; }
fi
[ "${STANDALONE:-}" != true ] || place_public

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
