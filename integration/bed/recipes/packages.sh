# What the machine itself must have, by command; apt brings what is missing.
prepare_packages() {
	missing=
	while read -r command package; do
		[ -z "$command" ] || have "$command" || missing="$missing $package"
	done <<-EOF
		mmdebstrap mmdebstrap
		bwrap bubblewrap
		make make
		git git
		flock util-linux
		zstd zstd
		$([ "$(id -u)" = 0 ] || echo newuidmap uidmap)
	EOF
	[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$missing debian-archive-keyring"
	[ -e /etc/ssl/certs/ca-certificates.crt ] || missing="$missing ca-certificates"
	[ -n "$missing" ] || return 0
	sudo=
	if [ "$(id -u)" != 0 ]; then
		have sudo || die "these packages are missing and there is no sudo to install them:$missing"
		sudo=sudo
	fi
	have apt-get || die "these packages are missing and there is no apt to install them:$missing"
	say "installing$missing"
	mkdir -p "$cache/log"
	# shellcheck disable=SC2086 # lists
	{ $sudo apt-get update && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends $missing; } \
		>"$cache/log/packages.log" 2>&1 || { tail "$cache/log/packages.log" >&2; die "apt could not install$missing"; }
}
