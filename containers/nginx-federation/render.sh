# Sourced by start.sh and watch.sh: makes the configuration of its templates, in memory.
# The certificates are named by the version that cert-writer's link shows at this moment, and not through the link: nginx opens
# certificate and key one after the other, and a link that is turned between the two gives it two halves.
run=${RUN_DIR:-/tmp/nginx}
identity=${IDENTITY_DIR:-/identity}
federation=${FEDERATION_CONFIG_DIR:-/federation}
public=${PUBLIC_DIR:-/public}

# Without cert-writer: the operator's certificate for everybody, and an authority of clients that has signed none. A version
# of its own for each content, so that a renewed certificate is noticed as a new identity is.
place_public() {
  identity=$run/identity
  name=v-$(cat "$public/tls.crt" "$public/tls.key" | cksum | tr ' ' '-')
  [ "$(readlink "$identity/current" 2>/dev/null)" = "$name" ] && return
  # What nginx runs on is in its memory: of earlier contents none is needed.
  rm -rf "$identity"/v-*
  mkdir -p "$identity/$name"
  cp "$public/tls.crt" "$identity/$name/svid.pem"
  cp "$public/tls.key" "$identity/$name/svid_key.pem"
  cp "$public/tls.crt" "$identity/$name/client_ca.pem"
  ln -sfn "$name" "$identity/current"
}

# What nginx would read now: a version's name says what is in it.
versions() {
  printf '%s %s' "$(readlink "$identity/current" || echo none)" "$(readlink "$federation/current" || echo none)"
}

render() { # TEMPLATE TO VERSIONS
  # A path in a variable is opened with each handshake: only where there are two certificates to choose from.
  certificate=$identity/${3% *}/svid.pem key=$identity/${3% *}/svid_key.pem
  [ -z "${FEDERATION_PUBLIC_HOST:-}" ] || certificate='$server_certificate' key='$server_key'
  sed -e "s|@TOKEN@|$FEDERATION_PROXY_TOKEN|g" -e "s|@RUN@|$run|g" -e "s|@IDENTITY@|$identity/${3% *}|g" \
    -e "s|@FEDERATION@|$federation/${3#* }|g" -e "s|@REGISTRY@|${REGISTRY_UPSTREAM:-registry:8001}|g" \
    -e "s|@RESOLVER@|${RESOLVER:-127.0.0.11}|g" -e "s|@PORT@|${LISTEN_PORT:-8443}|g" \
    -e "s|@INNER_PORT@|${INNER_PORT:-9443}|g" -e "s|@HEALTH_PORT@|${HEALTH_PORT:-8081}|g" \
    -e "s|@PUBLIC@|$public|g" -e "s|@PUBLIC_HOST@|${FEDERATION_PUBLIC_HOST:-_}|g" -e "s|@SHUTDOWN@|${WORKER_SHUTDOWN_TIMEOUT:-1h}|g" \
    -e "s|@CERTIFICATE@|$certificate|g" -e "s|@KEY@|$key|g" "$here/$1.template" >"$2"
}
